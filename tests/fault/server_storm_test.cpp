// Redis was away for longer than a lease, and everybody comes back at once.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/effects.hpp"
#include "support/proxy.hpp"
#include "support/running_worker.hpp"
#include "support/traffic.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Effects;
using test::eventually;
using test::RunningWorker;
using test::Task;
using test::Traffic;

constexpr int worker_count = 8;
constexpr std::chrono::milliseconds lease{1000};

class RestartStormTest : public testing::Test {
 protected:
  WorkerOptions options() const {
    WorkerOptions worker = test::worker_options(redis);
    worker.redis.url = network.url();
    worker.concurrency = 2;
    worker.lease = lease;
    worker.log.level = LogLevel::off;
    return worker;
  }
  /// Somebody takes an envelope and is never heard of again.
  void leave_one_behind() {
    std::vector<Task> tasks;
    for (int i = 1; i <= 5; ++i) tasks.push_back({-i});
    for (const auto& result : Client(test::client_options(redis)).enqueue_all(tasks)) {
      ASSERT_TRUE(result);
    }
    redis::Connection gone(test::redis_options(redis));
    gone.call({"FCALL", "ferry_v1_register", "5", keys.state, keys.workers, keys.ready[0],
               keys.ready[1], keys.ready[2], "gone"});
    gone.call({"XREADGROUP", "GROUP", group_name, "gone", "STREAMS", keys.ready[1], ">"});
    ASSERT_EQ(queue.counts().leased, 5);
  }
  void flows_on(const Traffic& traffic) {
    const int accepted = traffic.accepted();
    const std::size_t run = effects.size();
    EXPECT_TRUE(eventually(
        [&] { return traffic.accepted() > accepted + 100 && effects.size() > run + 100; }));
  }

  PrivateRedis redis{{.fsync = Fsync::always}};
  test::Proxy network{redis.socket_path(), redis.socket_path() + ".network"};
  Queue queue{test::redis_options(redis), "default"};
  Keys keys{"ferry", "default"};
  Effects effects;
};

TEST_F(RestartStormTest, TheLivingKeepWhatTheyHoldAndOnlyTheDeadLoseIt) {
  leave_one_behind();
  Handlers handlers;
  handlers.on<Task>([&](const JobContext&, const Task& task) {
    std::this_thread::sleep_for(1ms);  // so that everybody holds something
    effects.add(task.number);
  });
  ClientOptions producing = test::client_options(redis);
  producing.redis.url = network.url();
  Traffic traffic(producing, 2);
  std::vector<std::unique_ptr<RunningWorker>> workers;
  for (int i = 0; i < worker_count; ++i) {
    workers.push_back(std::make_unique<RunningWorker>(options(), handlers));
  }
  flows_on(traffic);

  redis.kill();
  const int attempts = network.attempts();
  std::this_thread::sleep_for(2500ms);
  const int in_vain = network.attempts() - attempts;
  redis.start();
  queue = Queue(test::redis_options(redis), "default");

  flows_on(traffic);
  const int jobs = traffic.stop() + 5;
  ASSERT_TRUE(eventually([&] { return queue.counts().done == jobs; }));
  std::uint64_t reclaimed = 0;
  std::uint64_t stale = 0;
  for (const auto& worker : workers) {
    reclaimed += (*worker)->stats().reclaimed_envelopes;
    stale += (*worker)->stats().stale;
  }
  EXPECT_EQ(reclaimed, 1u) << "the one that was left behind";
  EXPECT_EQ(stale, 0u);
  EXPECT_EQ(effects.size(), static_cast<std::size_t>(jobs));
  EXPECT_EQ(effects.repeated(), 0u);
  EXPECT_EQ(traffic.lost_calls(), 0u);
  test::expect_books_closed(queue, jobs);
  // Four connections for each worker: a heartbeat that asks ten times, three that ask more and more
  // seldom. Without a pause it would be tens of thousands.
  EXPECT_GE(in_vain, worker_count);
  EXPECT_LE(in_vain, worker_count * 100);
}

}  // namespace
}  // namespace ferry
