// `retry_all_dead` beside workers that fail what comes back at once, and its counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/effects.hpp"
#include "support/proxy.hpp"
#include "support/queue_fixture.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Task;
using ::testing::HasSubstr;

class DeadRetryTest : public test::RedisTest {
 protected:
  /// Lets a worker fail that many jobs, and counts how often each was run from then on.
  void bury(int jobs) {
    std::vector<Task> tasks;
    for (int i = 0; i < jobs; ++i) tasks.push_back({i, {}});
    for (const auto& result : Client(client_options()).enqueue_all(tasks)) ASSERT_TRUE(result);
    Handlers handlers;
    handlers.on<Task>([this](const JobContext&, const Task& task) {
      const std::lock_guard lock(mutex_);
      ++runs_[task.number];
      return fail("again");
    });
    worker_.emplace(test::worker_options(*redis), std::move(handlers));
    Queue queue(reach(), "default");
    ASSERT_TRUE(eventually([&] { return queue.counts().dead == jobs; }, 60s));
    const std::lock_guard lock(mutex_);
    runs_.clear();
  }

  std::map<std::int64_t, int> runs() {
    const std::lock_guard lock(mutex_);
    return runs_;
  }

  std::mutex mutex_;
  std::map<std::int64_t, int> runs_;
  std::optional<test::RunningWorker> worker_;
};

TEST_F(DeadRetryTest, ReachesEachOnceBesideAWorkerThatFailsThemAgainAtOnce) {
  constexpr int letters = 1000;
  bury(letters);
  redis::Connection admin(reach());
  admin.connect();
  const Keys keys("ferry", "default");
  // One in their middle that nobody can read.
  const auto middle = admin.command({"ZRANGE", keys.dead, "500", "500"});
  const std::string spoilt(middle->root()[0].text);
  admin.command({"HSET", keys.parked, spoilt, "garbage"});
  int rounds = 0;
  for (const auto each_way : {0us, 1500us}) {
    SCOPED_TRACE(each_way.count());
    test::Proxy proxy(redis->socket_path(), redis->socket_path() + std::to_string(++rounds));
    proxy.delay(each_way);
    RedisOptions slow = reach();
    slow.url = proxy.url();
    std::vector<DeadLeft> left;
    EXPECT_EQ(Queue(slow, "default")
                  .retry_all_dead({}, [&](const DeadLeft& letter) { left.push_back(letter); }),
              letters - 1);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_THAT(left[0].why, HasSubstr("it cannot be read"));
    Queue queue(reach(), "default");
    EXPECT_TRUE(eventually([&] { return queue.counts().dead == letters; }, 60s));
    const auto run = runs();
    EXPECT_EQ(run.size(), static_cast<std::size_t>(letters - 1));
    for (const auto& [number, times] : run) EXPECT_EQ(times, rounds) << number;
  }
}

}  // namespace
}  // namespace ferry
