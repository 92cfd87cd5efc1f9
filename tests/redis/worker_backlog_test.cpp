// With a backlog the next fetch is under way while the last one is decoded: whatever happens in
// that moment, every job runs and none twice.
#include <gtest/gtest.h>

#include <thread>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "redis/connection.hpp"
#include "support/effects.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Task;

class WorkerBacklogTest : public testing::Test {
 protected:
  /// Envelopes of one job, more than a fetch asks for.
  void enqueue(std::size_t jobs) {
    ClientOptions options = test::client_options(redis);
    options.max_jobs_per_envelope = 1;
    std::vector<Task> tasks;
    for (int i = 0; i < static_cast<int>(jobs); ++i) tasks.push_back({i});
    for (const auto& result : Client(options).enqueue_all(tasks)) ASSERT_TRUE(result);
  }

  Handlers handlers(std::chrono::microseconds each) {
    Handlers handlers;
    handlers.on_batch<Task>(realtime(500), [this, each](Batch<Task>& batch) {
      for (std::size_t i = 0; i < batch.size(); ++i) effects.add(batch[i].job().number);
      if (each > 0us) std::this_thread::sleep_for(each);
    });
    return handlers;
  }

  PrivateRedis redis;
  Queue queue{test::redis_options(redis), "default"};
  test::Effects effects;
};

TEST_F(WorkerBacklogTest, AStopRunsWhatIsFetchedAndLeavesTheRest) {
  std::int64_t jobs = 0;
  for (const auto pause : {0ms, 3ms, 10ms, 25ms}) {
    enqueue(30'000);  // however fast the one before was
    jobs += 30'000;
    const auto before = queue.counts().done;
    test::RunningWorker worker(test::worker_options(redis), handlers(500us));
    EXPECT_TRUE(eventually([&] { return worker->stats().fetched_jobs > 0; }));
    std::this_thread::sleep_for(pause);
    EXPECT_EQ(worker.stop(), 0);
    const WorkerStats stats = worker->stats();
    EXPECT_EQ(stats.fetched_jobs, stats.done + stats.released);
    const QueueCounts counts = queue.counts();
    EXPECT_EQ(counts.leased, 0);
    EXPECT_EQ(counts.done - before, static_cast<std::int64_t>(stats.done));
    EXPECT_EQ(counts.done + counts.waiting, jobs);
  }
  EXPECT_EQ(effects.repeated(), 0u);
}

TEST_F(WorkerBacklogTest, ACutConnectionLosesAndRepeatsNothing) {
  constexpr std::size_t jobs = 60'000;
  enqueue(jobs);
  test::RunningWorker worker(test::worker_options(redis), handlers(0us));
  redis::Connection admin(test::redis_options(redis));
  admin.connect();
  for (int cuts = 0; cuts < 15; ++cuts) {
    const auto before = worker->stats().done;
    EXPECT_TRUE(
        eventually([&] { return worker->stats().done > before || effects.size() == jobs; }));
    admin.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  }
  EXPECT_TRUE(eventually([&] { return worker->stats().done == jobs; }));
  EXPECT_EQ(worker.stop(), 0);
  EXPECT_EQ(effects.size(), jobs);
  EXPECT_EQ(effects.repeated(), 0u);
  test::expect_books_closed(queue, static_cast<std::int64_t>(jobs));
}

}  // namespace
}  // namespace ferry
