// A worker under a latency budget, against a real server: why batches leave and with whom. How fast
// is a benchmark (bench/questions/latency_budget.cpp) and a simulation (tests/unit/plan).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "support/number.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::client_options;
using test::eventually;
using test::Number;
using test::redis_options;
using test::RunningWorker;
using test::worker_options;

struct SeenBatch {
  LeaveReason reason = LeaveReason::idle;
  std::vector<int> values;
};

class LatencyBudgetTest : public testing::Test {
 protected:
  Handlers handlers_under(Policy policy) {
    Handlers handlers;
    handlers.on_batch<Number>(policy, [this](Batch<Number>& batch) {
      SeenBatch seen{batch.reason(), {}};
      for (const auto& item : batch) seen.values.push_back(item.job().value);
      const std::lock_guard lock(mutex_);
      seen_.push_back(std::move(seen));
    });
    return handlers;
  }

  /// Feeds the worker until its dial lets batches wait, then lets it finish.
  testing::AssertionResult teach(RunningWorker& worker) {
    const auto taught = [&] {
      const WorkerStats stats = worker->stats();
      return !stats.budgets.empty() && stats.budgets[0].dial > 0.25;
    };
    const auto not_far_behind = [&] {
      return worker->stats().done + 500 > static_cast<std::uint64_t>(sent_);
    };
    for (int i = 0; i < 20'000 && !taught(); ++i) {
      static_cast<void>(client.enqueue_all(std::vector<Number>(20)));
      sent_ += 20;
      if (!eventually(not_far_behind)) return testing::AssertionFailure() << "jobs are not run";
    }
    if (!taught()) return testing::AssertionFailure() << worker->stats().to_text();
    if (!eventually([&] { return all_done(); }, 60s)) {
      return testing::AssertionFailure() << "jobs were held for too long";
    }
    return testing::AssertionSuccess();
  }

  bool all_done() { return queue.counts().done == sent_; }

  std::vector<SeenBatch> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

  PrivateRedis redis;
  Client client{client_options(redis)};
  Queue queue{redis_options(redis), "default"};
  std::int64_t sent_ = 0;
  std::mutex mutex_;
  std::vector<SeenBatch> seen_;
};

TEST_F(LatencyBudgetTest, IsRealtimeAtFirstAndHoldsBatchesOnceItKnowsTheHandler) {
  RunningWorker worker(worker_options(redis), handlers_under(latency_budget(400ms)));
  ASSERT_TRUE(teach(worker));
  EXPECT_EQ(seen().front().reason, LeaveReason::idle);
  client.enqueue(Number{1});
  ++sent_;
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(seen().back().reason, LeaveReason::deadline);
  const WorkerStats stats = worker->stats();
  EXPECT_GT(stats.left_for[static_cast<std::size_t>(LeaveReason::deadline)], 0u);
  ASSERT_EQ(stats.budgets.size(), 1u);
  EXPECT_EQ(stats.budgets[0].kind, "number");
  EXPECT_GT(stats.budgets[0].dial, 0);
  EXPECT_GT(stats.budgets[0].fixed_us + stats.budgets[0].per_job_us, 0);
}

TEST_F(LatencyBudgetTest, AnUrgentJobLeavesFirstAndTakesALooseOneAlong) {
  RunningWorker worker(worker_options(redis), handlers_under(latency_budget(20s, 20)));
  ASSERT_TRUE(teach(worker));
  const auto value_is_known = [&](int value) {
    return std::ranges::any_of(seen(), [&](const SeenBatch& batch) {
      return std::ranges::count(batch.values, value) > 0;
    });
  };
  client.enqueue(Number{1});
  client.enqueue(Number{2}, {.latency_budget = 500ms});
  sent_ += 2;
  ASSERT_TRUE(eventually([&] { return value_is_known(2); }));
  ASSERT_TRUE(eventually([&] { return value_is_known(1); }, 60s));
  for (const SeenBatch& batch : seen()) {
    if (batch.values.back() == 0) continue;
    EXPECT_THAT(batch.values, testing::ElementsAre(2, 1)) << "by deadline, in one batch";
    break;
  }
}

TEST_F(LatencyBudgetTest, AStopFlushesWhatIsHeld) {
  RunningWorker worker(worker_options(redis), handlers_under(latency_budget(60s, 20)));
  ASSERT_TRUE(teach(worker));
  client.enqueue(Number{7});
  ++sent_;
  ASSERT_TRUE(eventually(
      [&] { return worker->stats().fetched_jobs == static_cast<std::uint64_t>(sent_); }));
  EXPECT_EQ(worker.stop(), 0);
  EXPECT_TRUE(all_done());
  EXPECT_GT(worker->stats().left_for[static_cast<std::size_t>(LeaveReason::stop)], 0u);
}

/// Redis is first in, first out: the worker has to get late jobs out of its way.
TEST_F(LatencyBudgetTest, GivesLateJobsBackForAWhileAndRunsEachOfThemOnceInTheEnd) {
  std::atomic<int> later_attempts{0};
  std::mutex mutex;
  std::map<int, int> runs;
  Handlers handlers;
  handlers.on_batch<Number>(latency_budget(50ms, 4), [&](Batch<Number>& batch) {
    std::this_thread::sleep_for(2ms);
    const std::lock_guard lock(mutex);
    for (const auto& item : batch) {
      if (item.context().attempt > 1) ++later_attempts;
      ++runs[item.job().value];
    }
  });
  WorkerOptions options = worker_options(redis);
  options.concurrency = 1;
  RunningWorker worker(options, std::move(handlers));
  std::vector<Number> numbers;
  for (int i = 0; i < 1000; ++i) numbers.push_back({i});
  static_cast<void>(client.enqueue_all(numbers));
  sent_ = 1000;
  ASSERT_TRUE(eventually([&] { return all_done(); }, 60s));
  EXPECT_GT(worker->stats().postponed, 0u);
  EXPECT_EQ(worker->stats().retried, 0u);
  EXPECT_EQ(later_attempts, 0);
  EXPECT_EQ(runs.size(), 1000u);
  for (const auto& [value, times] : runs) EXPECT_EQ(times, 1) << value;
  EXPECT_TRUE(queue.audit().balanced());
}

TEST_F(LatencyBudgetTest, DropsLateJobsThatHaveExpiredInsteadOfRunningThem) {
  std::atomic<bool> open{false};
  std::atomic<int> runs{0};
  Handlers handlers;
  handlers.on_batch<Number>(latency_budget(1ms, 1), [&](Batch<Number>&) {
    ++runs;
    while (!open) std::this_thread::sleep_for(1ms);
  });
  WorkerOptions options = worker_options(redis);
  options.concurrency = 1;
  RunningWorker worker(options, std::move(handlers));
  client.enqueue(Number{1});
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  for (int i = 0; i < 5; ++i) client.enqueue(Number{i}, {.expires_after = 2s});
  const auto expired = std::chrono::system_clock::now() + 2s;
  ASSERT_TRUE(eventually([&] { return std::chrono::system_clock::now() > expired; }));
  open = true;
  ASSERT_TRUE(eventually([&] {
    const QueueCounts counts = queue.counts();
    return counts.done == 1 && counts.expired == 5;
  }));
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace ferry
