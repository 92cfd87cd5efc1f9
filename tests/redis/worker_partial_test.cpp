// Redis is told of the jobs of an envelope that has not ended yet, although nobody hurries.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "support/effects.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Task;

TEST(WorkerPartialTest, TellsWhatIsDoneWhileAnotherJobOfTheEnvelopeRuns) {
  PrivateRedis redis;
  Queue queue{test::redis_options(redis), "default"};
  std::atomic<bool> may_end = false;
  Handlers handlers;
  handlers.on<Task>([&](const JobContext&, const Task& task) {
    while (task.number == 3 && !may_end) std::this_thread::sleep_for(1ms);
  });
  const std::vector<Task> tasks{{0}, {1}, {2}, {3}};
  for (const auto& result : Client(test::client_options(redis)).enqueue_all(tasks)) {
    ASSERT_TRUE(result);
  }
  test::RunningWorker worker(test::worker_options(redis), std::move(handlers));
  EXPECT_TRUE(eventually([&] { return queue.counts().done == 3; }));
  may_end = true;
  EXPECT_TRUE(eventually([&] { return queue.counts().done == 4; }));
}

}  // namespace
}  // namespace ferry
