#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "ferry/queue.hpp"
#include "support/queue_fixture.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Note;
using test::Taken;

class DeadLettersTest : public test::QueueTest {};

TEST_F(DeadLettersTest, TellsWhyAJobDiedAndGivesItsPayload) {
  const auto ids = bury(2, Priority::high);
  const auto info = queue->dead(ids[1]);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->id, ids[1]);
  EXPECT_EQ(info->kind, "note");
  EXPECT_EQ(info->state, JobState::dead);
  EXPECT_EQ(info->priority, Priority::high);
  EXPECT_EQ(info->reason, "declined");
  EXPECT_EQ(info->attempts, 3);
  EXPECT_EQ(info->deliveries, 2);
  EXPECT_EQ(info->died_at.time_since_epoch(), 1'700'000'000'000ms);
  msgpack::sbuffer packed;
  msgpack::pack(packed, Note{});
  EXPECT_EQ(queue->dead_payload(ids[1]), std::string(packed.data(), packed.size()));
  EXPECT_FALSE(queue->dead(JobId{}));
  EXPECT_FALSE(queue->dead_payload(JobId{}));
}

TEST_F(DeadLettersTest, DoesNotTakeADelayedJobForADeadOne) {
  EnqueueOptions later;
  later.run_after = 1h;
  const JobId id = client->enqueue(Note{1}, later);
  EXPECT_FALSE(queue->dead(id));
  EXPECT_EQ(queue->retry_dead(std::span(&id, 1)), 0);
  EXPECT_EQ(queue->drop_dead(std::span(&id, 1)), 0);
  EXPECT_EQ(queue->counts().delayed, 1);
}

TEST_F(DeadLettersTest, PutsDeadJobsBackWithoutTheirPast) {
  const auto ids = bury(3, Priority::low);
  const std::vector<JobId> some{ids[0], JobId{}, ids[2]};
  EXPECT_EQ(queue->retry_dead(some), 2);
  EXPECT_EQ(queue->retry_dead(some), 0);
  const auto jobs = all_pages(JobState::waiting, 10);
  EXPECT_EQ(ids_of(jobs), (std::set<JobId>{ids[0], ids[2]}));
  for (const JobInfo& job : jobs) {
    EXPECT_EQ(job.attempts, 0);
    EXPECT_EQ(job.reason, "");
    EXPECT_EQ(job.priority, Priority::low);
  }
  EXPECT_EQ(queue->counts().dead, 1);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(DeadLettersTest, PutsAllDeadJobsBackInSlices) {
  bury(450);
  std::vector<std::int64_t> told;
  EXPECT_EQ(queue->retry_all_dead([&](std::int64_t moved) { told.push_back(moved); }), 450);
  EXPECT_GE(told.size(), 3u);
  EXPECT_EQ(told.back(), 450);
  EXPECT_EQ(queue->counts().waiting, 450);
  EXPECT_EQ(queue->counts().dead, 0);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(DeadLettersTest, DropsDeadJobsForGood) {
  const auto ids = bury(5);
  EXPECT_EQ(queue->drop_dead(std::span(ids).first(2)), 2);
  EXPECT_EQ(queue->counts().dead, 3);
  EXPECT_EQ(queue->drop_all_dead(), 3);
  const QueueCounts counts = queue->counts();
  EXPECT_EQ(counts.dead, 0);
  EXPECT_EQ(counts.cancelled, 5);
  EXPECT_TRUE(queue->audit().balanced());
}

/// An envelope that no version of Ferry can decode, buried by a worker.
class OpaqueTest : public DeadLettersTest {
 protected:
  JobId bury_opaque() {
    enqueue(2);
    let_in("w1");
    const Taken taken = take("w1");
    raw = taken.bytes;
    const std::string wrapped =
        wire::wrap_opaque(raw, taken.envelope.head.count, taken.envelope.head.first_id,
                          {"cannot be decoded", 1'700'000'000'000, 1});
    admin->call({"FCALL", "ferry_v1_bury", "6", keys.state, keys.workers, keys.progress,
                 keys.ready[1], keys.dead, keys.parked, "w1", taken.id, std::to_string(raw.size()),
                 wrapped});
    return taken.envelope.head.first_id;
  }

  std::string raw;
};

TEST_F(OpaqueTest, ShowsTheReasonAndTheRawBytes) {
  const JobId id = bury_opaque();
  EXPECT_EQ(queue->counts().dead, 2);
  EXPECT_TRUE(queue->audit().balanced());
  const auto info = queue->dead(id);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->kind, "");
  EXPECT_EQ(info->reason, "cannot be decoded");
  EXPECT_EQ(queue->dead_payload(id), raw);
}

TEST_F(OpaqueTest, GoesBackAsTheBytesThatItWas) {
  const JobId id = bury_opaque();
  EXPECT_EQ(queue->retry_dead(std::span(&id, 1)), 2);
  let_in("w2");
  EXPECT_EQ(take("w2").bytes, raw);
  EXPECT_TRUE(queue->audit().balanced());
}
}  // namespace
}  // namespace ferry
