// An idle worker runs a short handler in the thread that fetched; what if it is not short?
#include <gmock/gmock.h>

#include <atomic>

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
      long_one_runs = true;
      hangs.wait(true);
    });
    return handlers;
  }
  bool done(std::int64_t expected) {
    return eventually([&] { return queue.counts().done == expected; });
  }
  /// Jobs one by one until the worker knows that they are short.
  void run_short_ones() {
    EXPECT_TRUE(eventually([&] {
      client.enqueue(Task{});
      EXPECT_TRUE(done(++jobs));
      return run_by_fetcher.load();
    }));
  }
  /// Returns: whether the fetching thread is in a handler that hangs. It may also have thought that
  /// the last short one still runs, or that it was not so short; then nothing hangs.
  bool fetcher_hangs() {
    run_short_ones();
    hangs = true;
    long_one_runs = false;
    client.enqueue(Task{.long_one = true});
    EXPECT_TRUE(eventually([&] { return long_one_runs.load(); }));
    if (run_by_fetcher) return true;
    let_go();
    EXPECT_TRUE(done(++jobs));
    return false;
  }
  void let_go() {
    hangs = false;
    hangs.notify_all();
  }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  std::int64_t jobs = 0;
  std::atomic<bool> hangs{false};
  std::atomic<bool> run_by_fetcher{false};
  std::atomic<bool> long_one_runs{false};
};

TEST_F(WorkerCallerRunTest, FetchesOnWhileTheHandlerItRanItselfHangs) {
  test::RunningWorker worker(test::worker_options(redis), handlers());
  ASSERT_TRUE(eventually([&] { return fetcher_hangs(); }));
  for (int i = 0; i < 20; ++i) {
    client.enqueue(Task{});
    ASSERT_TRUE(done(++jobs)) << "nobody fetches";
  }
  let_go();
  EXPECT_TRUE(done(++jobs));
  client.enqueue(Task{});
  EXPECT_TRUE(done(++jobs));
  EXPECT_EQ(worker.stop(), 0);
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

}  // namespace
}  // namespace ferry
