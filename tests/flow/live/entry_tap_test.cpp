#include "flow/live/entry_tap.hpp"

#include <gtest/gtest.h>

#include <map>

#include "support/queue_fixture.hpp"

namespace ferry::flow {
namespace {

using test::QueueTest;
using test::Taken;

class EntryTapTest : public QueueTest {
 protected:
  /// In how many entries each job was seen.
  std::map<JobId, int> seen() {
    tap->stop();
    std::map<JobId, int> seen;
    for (const EntryTap::Entry& entry : tap->entries()) {
      for (const JobId& id : entry.jobs) ++seen[id];
    }
    return seen;
  }

  void SetUp() override {
    QueueTest::SetUp();
    if (redis) tap.emplace(reach(), std::vector<std::string>{"default", "other"});
  }

  std::optional<EntryTap> tap;
};

TEST_F(EntryTapTest, SeesEachJobOnceThatWasStoredOnce) {
  enqueue(300);
  enqueue(3, Priority::high);
  EnqueueOptions elsewhere;
  elsewhere.queue = "other";
  client->enqueue(test::Note{1}, elsewhere);
  const auto jobs = seen();
  EXPECT_EQ(jobs.size(), 304u);
  for (const auto& [id, times] : jobs) EXPECT_EQ(times, 1);
  EXPECT_EQ(tap->missed(), 0);
}

TEST_F(EntryTapTest, SeesAJobAgainThatWasGivenBackUnlessItIsSettled) {
  enqueue(3);
  let_in("worker");
  const Taken taken = take("worker");
  ASSERT_TRUE(test::eventually([&] { return tap->read() == 1; }));
  settle("worker", taken, {1}, {});
  admin->call({"FCALL", "ferry_v1_release", "4", keys.state, keys.workers, keys.progress,
               keys.ready[1], "worker", taken.id});
  const auto jobs = seen();
  ASSERT_EQ(jobs.size(), 3u);
  EXPECT_EQ(jobs.at(taken.envelope.jobs[0].id), 2);
  EXPECT_EQ(jobs.at(taken.envelope.jobs[1].id), 1);
  EXPECT_EQ(jobs.at(taken.envelope.jobs[2].id), 2);
}

TEST_F(EntryTapTest, SaysWhatItMissed) {
  enqueue(1);
  EXPECT_EQ(seen().size(), 1u);
  tap.emplace(reach(), std::vector<std::string>{"default"});
  // No other client sees the entry between the two commands of a transaction.
  admin->call({"MULTI"});
  admin->call({"XADD", keys.ready[1], "9999999999999-0", "e", "x"});
  admin->call({"XDEL", keys.ready[1], "9999999999999-0"});
  admin->call({"EXEC"});
  EXPECT_EQ(seen().size(), 1u);
  EXPECT_EQ(tap->missed(), 1);
}

}  // namespace
}  // namespace ferry::flow
