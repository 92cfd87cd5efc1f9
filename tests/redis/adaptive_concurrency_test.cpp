// A worker whose handlers share something that serves one at a time, against a real server. How
// near the limit comes to the best one is shown with simulated handlers
// (tests/unit/batching/concurrency_limit_test.cpp).

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
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

/// Serves one at a time, in the order in which they come: a mutex would let some overtake.
class Database {
 public:
  void ask() {
    std::unique_lock lock(mutex_);
    const std::uint64_t turn = next_++;
    changed_.wait(lock, [&] { return serving_ == turn; });
    lock.unlock();
    std::this_thread::sleep_for(200us);
    lock.lock();
    ++serving_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 0;
  std::uint64_t serving_ = 0;
};

class AdaptiveConcurrencyTest : public testing::Test {
 protected:
  static constexpr std::size_t handlers = 8;

  WorkerOptions options() {
    auto options = worker_options(redis);
    options.concurrency = handlers;
    return options;
  }

  Handlers asking_the_database(bool adaptive) {
    HandlerOptions options;
    options.adaptive_concurrency = adaptive;
    Handlers asking;
    asking.on<Number>([this](const JobContext&, const Number&) { database_.ask(); }, options);
    return asking;
  }

  PrivateRedis redis;
  Client client{client_options(redis)};
  Queue queue{redis_options(redis), "default"};
  Database database_;
};

TEST_F(AdaptiveConcurrencyTest, FewerHandlersAskADatabaseThatServesOneAtATime) {
  RunningWorker worker(options(), asking_the_database(true));
  const auto few = [&] {
    const auto found = worker->stats().concurrency;
    return found.size() == 1 && found[0].limit <= 2;
  };
  std::int64_t sent = 0;
  while (sent < 50'000 && !few()) {
    static_cast<void>(client.enqueue_all(std::vector<Number>(200)));
    sent += 200;
    ASSERT_TRUE(eventually([&] { return queue.counts().done + 400 > sent; }));
  }
  const WorkerStats stats = worker->stats();
  EXPECT_TRUE(few()) << stats.to_text();
  ASSERT_EQ(stats.concurrency.size(), 1U);
  EXPECT_EQ(stats.concurrency[0].kind, "number");
  EXPECT_EQ(stats.concurrency[0].most, handlers);
  EXPECT_TRUE(eventually([&] { return queue.counts().done == sent; }));
  EXPECT_TRUE(queue.audit().balanced());
}

TEST_F(AdaptiveConcurrencyTest, IsOffUnlessItIsAskedFor) {
  RunningWorker worker(options(), asking_the_database(false));
  static_cast<void>(client.enqueue_all(std::vector<Number>(100)));
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 100; }));
  EXPECT_TRUE(worker->stats().concurrency.empty());
}

}  // namespace
}  // namespace ferry
