// Somebody with the rights of an operator removes the functions, or everything.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "redis/connection.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using testing::HasSubstr;
using testing::Not;

struct Step {
  static constexpr std::string_view kind = "step";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

class FlushTest : public testing::Test {
 protected:
  void operator_says(std::initializer_list<std::string_view> words) {
    redis::Connection(test::redis_options(redis)).call(words);
  }
  Handlers counting() {
    Handlers handlers;
    handlers.on<Step>([this](const JobContext&, const Step&) { ++runs; });
    return handlers;
  }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  std::atomic<int> runs{0};
};

TEST_F(FlushTest, AnIdleWorkerBringsTheFunctionsBackAndRunsDelayedJobs) {
  test::RunningWorker worker(test::worker_options(redis), counting());
  ASSERT_TRUE(eventually([&] { return queue.counts().workers == 1; }));
  EnqueueOptions later;
  later.run_after = 500ms;
  client.enqueue(Step{1}, later);
  operator_says({"FUNCTION", "FLUSH"});
  // From here on nobody but the worker speaks to Redis.
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 1; }));
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

TEST_F(FlushTest, ALongRunKeepsItsLeaseThoughTheFunctionsAreGoneForAWhile) {
  WorkerOptions options = test::worker_options(redis);
  std::atomic<bool> go_on{false};
  Handlers waiting;
  waiting.on<Step>([&](const JobContext&, const Step&) {
    ++runs;
    go_on.wait(false);
  });
  test::RunningWorker busy(options, waiting);
  client.enqueue(Step{1});
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  test::RunningWorker idle(options, waiting);
  ASSERT_TRUE(eventually([&] { return queue.counts().workers == 2; }));
  operator_says({"FUNCTION", "FLUSH"});
  std::this_thread::sleep_for(3 * options.lease);  // were it taken over, it would run again now
  go_on = true;
  go_on.notify_all();
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 1; }));
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(busy->stats().stale, 0U);
}

TEST_F(FlushTest, AWorkerRaisesTheAlarmWhenRedisIsEmptiedAndGoesOn) {
  WorkerOptions options = test::worker_options(redis);
  testing::internal::CaptureStderr();
  {
    test::RunningWorker worker(options, counting());
    client.enqueue(Step{1});
    EXPECT_TRUE(eventually([&] { return queue.counts().done == 1; }));
    operator_says({"FLUSHALL"});
    EXPECT_TRUE(eventually([&] { return queue.counts().workers == 1; }));
    client.enqueue(Step{2});
    EXPECT_TRUE(eventually([&] { return runs == 2; }));
    EXPECT_TRUE(eventually([&] { return queue.counts().done == 1; }));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("the queue's streams are gone"));
  EXPECT_THAT(log, HasSubstr("the jobs that waited in it are lost"));
}

TEST_F(FlushTest, AWorkerThatOnlyComesAndGoesRaisesNoAlarm) {
  WorkerOptions options = test::worker_options(redis);
  options.log.level = LogLevel::error;
  testing::internal::CaptureStderr();
  {
    test::RunningWorker worker(options, counting());
    client.enqueue(Step{1});
    EXPECT_TRUE(eventually([&] { return queue.counts().done == 1; }));
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), Not(HasSubstr("gone")));
}

}  // namespace
}  // namespace ferry
