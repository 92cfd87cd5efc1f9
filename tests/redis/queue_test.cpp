#include "ferry/queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/client_fixture.hpp"
#include "wire/envelope.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Note;

/// An entry in a worker's hands.
struct Taken {
  std::string id;
  std::string bytes;
  wire::StoredEnvelope envelope;
};

class QueueTest : public test::RedisTest {
 protected:
  void SetUp() override {
    RedisTest::SetUp();
    if (!redis) return;
    admin.emplace(reach());
    admin->connect();
    queue.emplace(reach(), "default");
    client.emplace(client_options());
    queue->counts();  // the functions are there from now on
  }

  void enqueue(int jobs, Priority priority = Priority::normal) {
    EnqueueOptions options;
    options.priority = priority;
    for (const auto& result : client->enqueue_all(std::vector<Note>(jobs), options)) {
      ASSERT_TRUE(result);
    }
  }

  void let_in(const std::string& worker) {
    admin->call({"FCALL", "ferry_v1_register", "5", keys.state, keys.workers, keys.ready[0],
                 keys.ready[1], keys.ready[2], worker});
  }

  /// Leases the oldest envelope of a stream.
  Taken take(const std::string& worker, Priority priority = Priority::normal) {
    const auto answer = admin->call({"XREADGROUP", "GROUP", "ferry", worker, "COUNT", "1",
                                     "STREAMS", keys.ready[static_cast<int>(priority)], ">"});
    const redis::Reply& entry = answer->root()[0][1][0];
    Taken taken;
    taken.id = entry[0].text;
    taken.bytes = entry[1][1].text;
    EXPECT_EQ(wire::decode(taken.bytes, taken.envelope), "");
    return taken;
  }

  /// Settles jobs of an envelope: some done, some failed for good.
  void settle(const std::string& worker, const Taken& taken, const std::vector<std::size_t>& done,
              const std::vector<std::size_t>& failed, Priority priority = Priority::normal) {
    std::string done_indexes;
    for (const std::size_t i : done) {
      done_indexes += {static_cast<char>(i >> 8), static_cast<char>(i & 255)};
    }
    std::vector<std::string> moves;
    for (const std::size_t i : failed) {
      const wire::StoredJob& job = taken.envelope.jobs[i];
      wire::Extras extras;
      extras.attempts = 3;
      extras.last_reason = "declined";
      wire::EnvelopeWriter writer(job.id);
      writer.add_moved(job, &extras);
      const wire::Death death{"declined", 1'700'000'000'000, 2};
      moves.insert(moves.end(), {std::to_string(i), "f", "0", writer.finish(0, death)});
    }
    const std::string jobs = std::to_string(taken.envelope.jobs.size());
    const std::string bytes = std::to_string(taken.bytes.size());
    std::vector<std::string_view> command{"FCALL",
                                          "ferry_v1_settle",
                                          "7",
                                          keys.state,
                                          keys.workers,
                                          keys.progress,
                                          keys.ready[static_cast<int>(priority)],
                                          keys.due,
                                          keys.parked,
                                          keys.dead,
                                          worker,
                                          taken.id,
                                          jobs,
                                          bytes,
                                          done_indexes,
                                          ""};
    command.insert(command.end(), moves.begin(), moves.end());
    const auto answer = admin->call(command);
    ASSERT_EQ(answer->root()[0].text, "OK");
    ASSERT_EQ(answer->root()[1].integer, static_cast<std::int64_t>(done.size() + failed.size()));
  }

  /// Enqueues jobs and lets all of them fail for good.
  std::vector<JobId> bury(int jobs, Priority priority = Priority::normal) {
    std::vector<JobId> ids;
    EnqueueOptions options;
    options.priority = priority;
    for (const auto& result : client->enqueue_all(std::vector<Note>(jobs), options)) {
      ids.push_back(result.id);
    }
    let_in("gravedigger");
    std::size_t buried = 0;
    while (buried < ids.size()) {
      const Taken taken = take("gravedigger", priority);
      std::vector<std::size_t> all(taken.envelope.jobs.size());
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
      settle("gravedigger", taken, {}, all, priority);
      buried += all.size();
    }
    return ids;
  }

  std::vector<JobInfo> all_pages(JobState state, std::size_t limit) {
    std::vector<JobInfo> jobs;
    std::string from;
    do {
      JobPage page = queue->jobs(state, limit, from);
      for (JobInfo& job : page.jobs) jobs.push_back(std::move(job));
      from = page.next;
    } while (!from.empty());
    return jobs;
  }

  static std::set<JobId> ids_of(const std::vector<JobInfo>& jobs) {
    std::set<JobId> ids;
    for (const JobInfo& job : jobs) ids.insert(job.id);
    EXPECT_EQ(ids.size(), jobs.size()) << "a job was listed twice";
    return ids;
  }

  Keys keys{"ferry", "default"};
  std::optional<redis::Connection> admin;
  std::optional<Queue> queue;
  std::optional<Client> client;
};

TEST_F(QueueTest, IsEmptyAndBalancedBeforeItsFirstJob) {
  const QueueCounts counts = queue->counts();
  EXPECT_EQ(counts.accepted, 0);
  EXPECT_EQ(counts.oldest_age, 0ms);
  EXPECT_TRUE(queue->audit().balanced());
  for (const JobState state :
       {JobState::waiting, JobState::leased, JobState::delayed, JobState::dead}) {
    EXPECT_TRUE(queue->jobs(state).jobs.empty());
    EXPECT_EQ(queue->jobs(state).next, "");
  }
  EXPECT_EQ(queue->purge(), 0);
  EXPECT_TRUE(Queue::list(reach()).empty());
}

TEST_F(QueueTest, ListsQueuesSortedAndByPrefix) {
  for (const char* name : {"b", "a", "c"}) {
    EnqueueOptions options;
    options.queue = name;
    client->enqueue(Note{1}, options);
  }
  ClientOptions other = client_options();
  other.redis.prefix = "other";
  Client(other).enqueue(Note{1});
  EXPECT_EQ(Queue::list(reach()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(Queue::list(other.redis), std::vector<std::string>{"default"});
}

TEST_F(QueueTest, CountsJobsWhereverTheyAre) {
  enqueue(10);
  enqueue(4, Priority::high);
  EnqueueOptions later;
  later.run_after = 1h;
  client->enqueue(Note{1}, later);
  let_in("w1");
  const Taken taken = take("w1");
  settle("w1", taken, {0, 1, 2}, {3});

  const QueueCounts counts = queue->counts();
  EXPECT_EQ(counts.accepted, 15);
  EXPECT_EQ(counts.done, 3);
  EXPECT_EQ(counts.dead, 1);
  EXPECT_EQ(counts.delayed, 1);
  EXPECT_EQ(counts.leased, 6);
  EXPECT_EQ(counts.waiting, 4);
  EXPECT_EQ(counts.workers, 1);
  EXPECT_EQ(counts.envelopes, 2);
  EXPECT_GT(counts.bytes, 0);
  EXPECT_EQ(counts.accepted, counts.waiting + counts.leased + counts.delayed + counts.dead +
                                 counts.done + counts.expired + counts.cancelled);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(QueueTest, PagesThroughWaitingJobsOfAllStreamsOldestFirst) {
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 3;
  Client small(options);
  std::vector<JobId> expected;
  for (int i = 0; i < 90; ++i) {
    EnqueueOptions job;
    job.priority = static_cast<Priority>(i % 3);
    expected.push_back(small.enqueue(Note{i}, job));
  }
  for (const auto& result : small.enqueue_all(std::vector<Note>(10))) expected.push_back(result.id);
  const auto jobs = all_pages(JobState::waiting, 7);
  EXPECT_EQ(ids_of(jobs), std::set<JobId>(expected.begin(), expected.end()));
  std::vector<JobId> normal_jobs;
  std::vector<JobId> normal_expected;
  for (const JobInfo& job : jobs) {
    EXPECT_EQ(job.state, JobState::waiting);
    if (job.priority == Priority::normal) normal_jobs.push_back(job.id);
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (i >= 90 || i % 3 == 1) normal_expected.push_back(expected[i]);
  }
  EXPECT_EQ(normal_jobs, normal_expected);
}

TEST_F(QueueTest, KeepsPagesWithinTheLimitAndOneEnvelope) {
  enqueue(100);
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 4;
  Client small(options);
  for (const auto& result : small.enqueue_all(std::vector<Note>(40))) ASSERT_TRUE(result);
  EXPECT_EQ(queue->jobs(JobState::waiting, 10).jobs.size(), 100u);
  const JobPage first = queue->jobs(JobState::waiting, 10);
  const JobPage second = queue->jobs(JobState::waiting, 10, first.next);
  EXPECT_EQ(second.jobs.size(), 12u);
}

TEST_F(QueueTest, ShowsWhoHoldsALeasedJobAndLeavesSettledOnesOut) {
  enqueue(5);
  enqueue(2);
  let_in("w1");
  let_in("w2");
  const Taken first = take("w1");
  take("w2");
  settle("w1", first, {0, 4}, {});
  const auto jobs = all_pages(JobState::leased, 100);
  ASSERT_EQ(jobs.size(), 5u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(jobs[i].worker, "w1");
    EXPECT_EQ(jobs[i].deliveries, 1);
    EXPECT_EQ(jobs[i].id, first.envelope.jobs[i + 1].id);
  }
  EXPECT_EQ(jobs[4].worker, "w2");
  EXPECT_TRUE(queue->jobs(JobState::waiting).jobs.empty());
}

TEST_F(QueueTest, PagesThroughDelayedJobsByDueTime) {
  std::vector<JobId> expected;
  for (int i = 0; i < 25; ++i) {
    EnqueueOptions options;
    options.run_after = 1h + 1min * i;
    expected.push_back(client->enqueue(Note{i}, options));
  }
  const auto jobs = all_pages(JobState::delayed, 4);
  ASSERT_EQ(jobs.size(), expected.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i].id, expected[i]);
}

TEST_F(QueueTest, PagesThroughJobsThatDiedInTheSameMoment) {
  const auto ids = bury(50);  // one call: many share a millisecond
  EXPECT_EQ(ids_of(all_pages(JobState::dead, 7)), std::set<JobId>(ids.begin(), ids.end()));
}

TEST_F(QueueTest, RefusesACursorOrLimitThatIsNotOne) {
  EXPECT_THROW(queue->jobs(JobState::waiting, 0), Error);
  EXPECT_THROW(queue->jobs(JobState::waiting, 1001), Error);
  for (const JobState state :
       {JobState::waiting, JobState::leased, JobState::delayed, JobState::dead}) {
    for (const char* from : {"x", "1", "1-1", ":", "-1:1", "1-1,2-2", "1-1,2-2,x"}) {
      EXPECT_THROW(queue->jobs(state, 10, from), Error) << from;
    }
  }
}

TEST_F(QueueTest, ShowsBytesThatCannotBeDecoded) {
  enqueue(1);
  // An envelope's head, then nonsense.
  std::string bytes{"\x95\x01\x00\x03\xc4\x10", 6};
  bytes += std::string(16, '\7') + "\xc4\x02!!";
  admin->call({"XADD", keys.ready[1], "*", "e", bytes});
  const auto jobs = all_pages(JobState::waiting, 100);
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[1].kind, "");
  EXPECT_EQ(jobs[1].id.bytes[0], 7);
  EXPECT_NE(jobs[1].reason, "");
}

TEST_F(QueueTest, AuditNoticesEveryTamperedCounter) {
  enqueue(10);
  EnqueueOptions later;
  later.run_after = 1h;
  client->enqueue(Note{1}, later);
  bury(2, Priority::low);
  ASSERT_TRUE(queue->audit().balanced());
  for (const char* field :
       {"accepted", "done", "expired", "cancelled", "delayed", "dead", "bytes"}) {
    admin->call({"HINCRBY", keys.state, field, "1"});
    const AuditReport report = queue->audit();
    EXPECT_FALSE(report.balanced()) << field;
    EXPECT_EQ(report.found_in_stream, 10) << field;
    EXPECT_EQ(report.found_delayed, 1) << field;
    EXPECT_EQ(report.found_dead, 2) << field;
    admin->call({"HINCRBY", keys.state, field, "-1"});
  }
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(QueueTest, AuditNoticesWhatWasTakenAwayBehindItsBack) {
  enqueue(3);
  enqueue(3);
  EnqueueOptions later;
  later.run_after = 1h;
  client->enqueue(Note{1}, later);
  admin->call({"DEL", keys.due});
  const AuditReport orphaned = queue->audit();
  EXPECT_EQ(orphaned.found_delayed, 0);
  EXPECT_GE(orphaned.violations.size(), 2u) << "delayed jobs and entries without due time";
  admin->call({"XTRIM", keys.ready[1], "MAXLEN", "1"});
  EXPECT_EQ(queue->audit().found_in_stream, 3);
}

TEST_F(QueueTest, AuditWalksQueuesOfManySlices) {
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 1;
  Client single(options);
  EnqueueOptions later;
  later.run_after = 1h;
  for (const auto& r : single.enqueue_all(std::vector<Note>(1'200))) ASSERT_TRUE(r);
  for (const auto& r : single.enqueue_all(std::vector<Note>(1'200), later)) ASSERT_TRUE(r);
  const AuditReport report = queue->audit();
  EXPECT_TRUE(report.balanced()) << ::testing::PrintToString(report.violations);
  EXPECT_EQ(report.found_in_stream, 1'200);
  EXPECT_EQ(report.found_delayed, 1'200);
}

TEST_F(QueueTest, PausesAndResumes) {
  queue->pause();
  EXPECT_TRUE(queue->counts().paused);
  queue->resume();
  EXPECT_FALSE(queue->counts().paused);
}

TEST_F(QueueTest, PurgesWhatWaitsAndKeepsWhatIsLeasedOrDead) {
  bury(3);
  enqueue(5);
  let_in("w1");
  take("w1");
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 1;
  Client single(options);
  for (const auto& result : single.enqueue_all(std::vector<Note>(1'000))) ASSERT_TRUE(result);
  EnqueueOptions later;
  later.run_after = 1h;
  for (const auto& r : single.enqueue_all(std::vector<Note>(10), later)) ASSERT_TRUE(r);
  std::vector<std::int64_t> told;
  EXPECT_EQ(queue->purge([&](std::int64_t removed) { told.push_back(removed); }), 1'010);
  EXPECT_GE(told.size(), 3u);
  EXPECT_EQ(told.back(), 1'010);
  const QueueCounts counts = queue->counts();
  EXPECT_EQ(counts.leased, 5);
  EXPECT_EQ(counts.dead, 3);
  EXPECT_EQ(counts.waiting + counts.delayed, 0);
  EXPECT_EQ(counts.cancelled, 1'010);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(QueueTest, TellsWhyAJobDiedAndGivesItsPayload) {
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

TEST_F(QueueTest, DoesNotTakeADelayedJobForADeadOne) {
  EnqueueOptions later;
  later.run_after = 1h;
  const JobId id = client->enqueue(Note{1}, later);
  EXPECT_FALSE(queue->dead(id));
  EXPECT_EQ(queue->retry_dead(std::span(&id, 1)), 0);
  EXPECT_EQ(queue->drop_dead(std::span(&id, 1)), 0);
  EXPECT_EQ(queue->counts().delayed, 1);
}

TEST_F(QueueTest, PutsDeadJobsBackWithoutTheirPast) {
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

TEST_F(QueueTest, PutsAllDeadJobsBackInSlices) {
  bury(450);
  std::vector<std::int64_t> told;
  EXPECT_EQ(queue->retry_all_dead([&](std::int64_t moved) { told.push_back(moved); }), 450);
  EXPECT_GE(told.size(), 3u);
  EXPECT_EQ(told.back(), 450);
  EXPECT_EQ(queue->counts().waiting, 450);
  EXPECT_EQ(queue->counts().dead, 0);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(QueueTest, DropsDeadJobsForGood) {
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
class OpaqueTest : public QueueTest {
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

TEST(QueueNameTest, RefusesBadNamesBeforeItConnects) {
  RedisOptions nowhere;
  nowhere.url = "unix:///nowhere/redis.sock";
  EXPECT_THROW(Queue(nowhere, "a b"), Error);
  EXPECT_NO_THROW(Queue(nowhere, "ok"));
  EXPECT_THROW(Queue(nowhere, "ok").counts(), Error);
}

TEST(JobStateTest, IsReadAsItIsWritten) {
  for (const JobState state :
       {JobState::waiting, JobState::leased, JobState::delayed, JobState::dead}) {
    EXPECT_EQ(parse_job_state(to_string(state)), state);
  }
  EXPECT_EQ(parse_job_state("lost"), std::nullopt);
}

}  // namespace
}  // namespace ferry
