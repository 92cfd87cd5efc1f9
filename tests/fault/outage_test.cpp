// Redis is away for longer than a lease: nobody takes the living for dead when it comes back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "support/running_worker.hpp"
#include "support/send_signal.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;

struct Step {
  static constexpr std::string_view kind = "step";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

enum class Outage : std::uint8_t { killed, stopped };

class OutageTest : public testing::TestWithParam<Outage> {
 protected:
  void away_for(std::chrono::milliseconds time) {
    if (GetParam() == Outage::killed) {
      redis.kill();
      std::this_thread::sleep_for(time);
      redis.start();
    } else {
      test::send_signal(redis.pid(), SIGSTOP);
      std::this_thread::sleep_for(time);
      test::send_signal(redis.pid(), SIGCONT);
    }
  }

  PrivateRedis redis{{.fsync = Fsync::everysec}};
};

TEST_P(OutageTest, EveryWorkerKeepsWhatItHolds) {
  constexpr int job_count = 12;
  Client client(test::client_options(redis));
  Queue queue(test::redis_options(redis), "default");
  std::atomic<int> runs{0};
  std::atomic<bool> go_on{false};
  Handlers handlers;
  handlers.on<Step>([&](const JobContext&, const Step&) {
    ++runs;
    go_on.wait(false);
  });
  WorkerOptions options = test::worker_options(redis);
  options.concurrency = job_count;  // whoever gets a job can run it
  std::vector<std::unique_ptr<test::RunningWorker>> workers;
  for (int i = 0; i < 3; ++i) {
    workers.push_back(std::make_unique<test::RunningWorker>(options, handlers));
  }
  ASSERT_TRUE(eventually([&] { return queue.counts().workers == 3; }));
  for (int i = 0; i < job_count; ++i) client.enqueue(Step{i});
  ASSERT_TRUE(eventually([&] { return runs == job_count; }));
  away_for(3 * options.lease);
  // Long enough for a take-over, if one came: the grace after an outage, and a look each half
  // lease.
  std::this_thread::sleep_for(4 * options.lease);
  go_on = true;
  go_on.notify_all();
  // The connection of the other one ended with the server.
  Queue after(test::redis_options(redis), "default");
  ASSERT_TRUE(eventually([&] { return after.counts().done == job_count; }));
  EXPECT_EQ(runs, job_count);
  for (const auto& worker : workers) {
    EXPECT_EQ((*worker)->stats().stale, 0U);
    EXPECT_EQ((*worker)->stats().reclaimed_envelopes, 0U);
  }
  EXPECT_THAT(after.audit().violations, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, OutageTest, testing::Values(Outage::killed, Outage::stopped),
                         [](const auto& tested) {
                           return tested.param == Outage::killed ? "RedisKilled" : "RedisStopped";
                         });

}  // namespace
}  // namespace ferry
