// An idle worker runs a short handler in the thread that fetched; what if it is not short?
#include <gmock/gmock.h>

#include <atomic>
#include <latch>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "support/fetching_thread.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using test::eventually;

struct Task {
  static constexpr std::string_view kind = "task";
  bool long_one = false;
  MSGPACK_DEFINE_MAP(long_one)
};

class WorkerCallerRunTest : public testing::Test {
 protected:
  void SetUp() override {
    if (test::is_slow_build) GTEST_SKIP() << "under a sanitizer no run is as short as it must be";
  }
  Handlers handlers() {
    Handlers handlers;
    handlers.on<Task>([this](const JobContext&, const Task& task) {
      run_by_fetcher = test::in_fetching_thread();
      if (!task.long_one) return;
      long_one_run_by_fetcher = test::in_fetching_thread();
      let_go.wait();
    });
    return handlers;
  }
  bool done(std::int64_t jobs) {
    return eventually([&] { return queue.counts().done == jobs; });
  }
  /// Jobs one by one until the worker knows that they are short.
  std::int64_t run_short_ones() {
    std::int64_t jobs = 0;
    EXPECT_TRUE(eventually([&] {
      client.enqueue(Task{});
      EXPECT_TRUE(done(++jobs));
      return run_by_fetcher.load();
    }));
    return jobs;
  }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  std::latch let_go{1};
  std::atomic<bool> run_by_fetcher{false};
  std::atomic<bool> long_one_run_by_fetcher{false};
};

TEST_F(WorkerCallerRunTest, FetchesOnWhileTheHandlerItRanItselfHangs) {
  test::RunningWorker worker(test::worker_options(redis), handlers());
  std::int64_t jobs = run_short_ones();
  client.enqueue(Task{.long_one = true});
  ASSERT_TRUE(eventually([&] { return queue.counts().leased == 1; }));
  for (int i = 0; i < 20; ++i) {
    client.enqueue(Task{});
    ASSERT_TRUE(done(++jobs)) << "nobody fetches";
  }
  EXPECT_TRUE(long_one_run_by_fetcher);
  let_go.count_down();
  EXPECT_TRUE(done(++jobs));
  client.enqueue(Task{});
  EXPECT_TRUE(done(++jobs));
  EXPECT_EQ(worker.stop(), 0);
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

}  // namespace
}  // namespace ferry
