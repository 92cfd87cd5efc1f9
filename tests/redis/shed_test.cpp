// A worker that sheds, against a real server: who is dropped, who is not, and that the books say
// so. Who is shed when is in tests/unit/batching/batcher_shed_test.cpp.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
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

class ShedTest : public testing::Test {
 protected:
  /// The handler does not return before `open` is set.
  Handlers handlers_under(Policy policy) {
    Handlers handlers;
    handlers.on_batch<Number>(policy, [this](Batch<Number>& batch) {
      ++runs;
      while (!open) std::this_thread::sleep_for(1ms);
      const std::lock_guard lock(mutex_);
      for (const auto& item : batch) values_.push_back(item.job().value);
    });
    return handlers;
  }

  static WorkerOptions one_runner(const PrivateRedis& redis) {
    WorkerOptions options = worker_options(redis);
    options.concurrency = 1;
    return options;
  }

  std::vector<int> values() {
    const std::lock_guard lock(mutex_);
    return values_;
  }

  PrivateRedis redis;
  Client client{client_options(redis)};
  Queue queue{redis_options(redis), "default"};
  std::atomic<bool> open{false};
  std::atomic<int> runs{0};

 private:
  std::mutex mutex_;
  std::vector<int> values_;
};

TEST_F(ShedTest, DropsLowJobsWhoseBudgetIsSpentAndCountsThemAsExpired) {
  RunningWorker worker(one_runner(redis),
                       handlers_under(latency_budget(500ms, 10).shed(Priority::low)));
  client.enqueue(Number{0}, {.priority = Priority::high});
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  static_cast<void>(client.enqueue_all(std::vector<Number>(3, {1}), {.priority = Priority::high}));
  static_cast<void>(
      client.enqueue_all(std::vector<Number>(4, {2}), {.priority = Priority::normal}));
  static_cast<void>(client.enqueue_all(std::vector<Number>(5, {3}), {.priority = Priority::low}));
  const auto spent = std::chrono::system_clock::now() + 510ms;
  ASSERT_TRUE(eventually([&] { return std::chrono::system_clock::now() > spent; }));
  open = true;
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 8; }));
  ASSERT_TRUE(eventually([&] { return queue.counts().expired == 5; }));
  EXPECT_THAT(values(), testing::UnorderedElementsAre(0, 1, 1, 1, 2, 2, 2, 2)) << "late, but run";
  EXPECT_EQ(worker.stop(), 0);
  EXPECT_EQ(worker->stats().done, 8u);
  EXPECT_EQ(worker->stats().expired, 5u);
  const AuditReport audit = queue.audit();
  EXPECT_TRUE(audit.balanced()) << audit.violations.front();
  EXPECT_EQ(audit.counts.accepted, 13);
}

/// Its budget was spent before it could have been fetched at all.
TEST_F(ShedTest, ADelayedJobIsNotShedForItsDelay) {
  open = true;
  RunningWorker worker(one_runner(redis), handlers_under(latency_budget(3s).shed(Priority::low)));
  client.enqueue(Number{4}, {.priority = Priority::low, .run_after = 3200ms});
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 1; }, 30s));
  EXPECT_THAT(values(), testing::ElementsAre(4));
  EXPECT_EQ(worker->stats().expired, 0u);
}

}  // namespace
}  // namespace ferry
