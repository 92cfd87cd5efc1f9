// Where jobs' time went: the stages add up to the whole, under every policy.
#include <gmock/gmock.h>

#include <thread>

#include "ferry/client.hpp"
#include "support/redis_test.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;

struct Task {
  static constexpr std::string_view kind = "task";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

class StageTimesTest : public testing::Test {
 protected:
  /// What became of the time of 300 jobs, of which some come together and some alone.
  WorkerStats stats_under(const Policy& policy, bool per_job) {
    const std::string queue = "queue" + std::to_string(++queues_);
    Handlers handlers;
    // A handler that takes time, not one that the test waits with.
    if (per_job) {
      handlers.on<Task>(policy,
                        [](const JobContext&, const Task&) { std::this_thread::sleep_for(200us); });
    } else {
      handlers.on_batch<Task>(policy, [](Batch<Task>&) { std::this_thread::sleep_for(2ms); });
    }
    auto options = test::worker_options(*redis);
    options.queues = {{queue, 1}};
    options.concurrency = 1;
    test::RunningWorker worker(options, std::move(handlers));
    auto client_options = test::client_options(*redis);
    client_options.queue = queue;
    Client client(client_options);
    for (int i = 0; i < 50; ++i) client.enqueue(Task{i});
    static_cast<void>(client.enqueue_all(std::vector<Task>(200)));
    for (int i = 0; i < 50; ++i) client.enqueue(Task{i});
    EXPECT_TRUE(test::eventually([&] { return worker->stats().done == 300; }));
    return worker->stats();
  }

  std::unique_ptr<PrivateRedis> redis = test::start_redis();
  int queues_ = 0;
};

TEST_F(StageTimesTest, AddUpToTheTimeFromEnqueueToSettled) {
  for (const bool per_job : {true, false}) {
    for (const Policy& policy : {realtime(), realtime(50), fixed(30, 5ms), fixed(500, 20ms)}) {
      const WorkerStats stats = stats_under(policy, per_job);
      const double whole = stats.enqueue_to_settled.mean() * 300;
      EXPECT_NEAR(stats.stages.sum_us() / whole, 1, 0.01) << policy.to_string();
      for (const double part :
           {stats.stages.before_us, stats.stages.hold_us, stats.stages.credit_us,
            stats.stages.run_us, stats.stages.settle_us}) {
        EXPECT_GE(part, 0) << policy.to_string();
      }
    }
  }
}

TEST_F(StageTimesTest, AddUpForJobsThatRunSeveralTimes) {
  for (const bool per_job : {true, false}) {
    Handlers handlers;
    const auto wish = [](int attempt, int number) {
      return attempt <= number % 3 ? retry_after(20ms, "not yet") : done();
    };
    if (per_job) {
      handlers.on<Task>(realtime(50), [&](const JobContext& context, const Task& task) {
        std::this_thread::sleep_for(1ms);
        return wish(context.attempt, task.number);
      });
    } else {
      handlers.on_batch<Task>(fixed(30, 5ms), [&](Batch<Task>& batch) {
        std::this_thread::sleep_for(5ms);
        for (auto& item : batch) {
          if (item.context().attempt <= item.job().number % 3) item.retry_after(20ms, "not yet");
        }
      });
    }
    const std::string queue = "queue" + std::to_string(++queues_);
    auto options = test::worker_options(*redis);
    options.queues = {{queue, 1}};
    test::RunningWorker worker(options, std::move(handlers));
    auto client_options = test::client_options(*redis);
    client_options.queue = queue;
    Client client(client_options);
    std::vector<Task> tasks;
    for (int i = 0; i < 90; ++i) tasks.push_back({i});
    static_cast<void>(client.enqueue_all(tasks));
    EXPECT_TRUE(test::eventually([&] { return worker->stats().done == 90; }));
    const WorkerStats stats = worker->stats();
    EXPECT_EQ(stats.retried, 30U + 2 * 30U);
    const double whole = stats.enqueue_to_settled.mean() * 90;
    EXPECT_NEAR(stats.stages.sum_us() / whole, 1, 0.01) << per_job;
    EXPECT_GE(stats.stages.retry_us, 90 * 20'000) << "each of 90 runs waited 20 ms for the next";
  }
}

TEST_F(StageTimesTest, TellAPolicysWishFromAWantOfRunners) {
  const StageTimes at_once = stats_under(realtime(), true).stages;
  EXPECT_LT(at_once.hold_us, 0.2 * at_once.credit_us);
  const StageTimes held = stats_under(fixed(500, 20ms), false).stages;
  EXPECT_GT(held.hold_us, 10 * held.credit_us);
}

}  // namespace
}  // namespace ferry
