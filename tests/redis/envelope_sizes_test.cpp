// Slow work comes in small envelopes: what a worker has seen of a kind is told to its producers,
// whichever way they enqueue.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;

struct Slow {
  static constexpr std::string_view kind = "slow";
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};

struct Fast {
  static constexpr std::string_view kind = "fast";
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};

class EnvelopeSizesTest : public testing::Test {
 protected:
  static Handlers handlers() {
    Handlers handlers;
    handlers.on<Slow>([](const JobContext&, const Slow&) { std::this_thread::sleep_for(30ms); });
    handlers.on<Fast>([](const JobContext&, const Fast&) {});
    return handlers;
  }

  std::string hints() {
    return std::string(admin.call({"HGET", keys.state, "hints"})->root().text);
  }

  /// Returns: jobs a stored envelope on average.
  template <typename T>
  double enqueue(std::size_t jobs, std::size_t text) {
    const std::int64_t before = queue.counts().envelopes;
    for (const auto& result : client.enqueue_all(std::vector<T>(jobs, T{std::string(text, 'x')}))) {
      EXPECT_TRUE(result);
    }
    return static_cast<double>(jobs) / static_cast<double>(queue.counts().envelopes - before);
  }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  redis::Connection admin{test::redis_options(redis)};
  Keys keys{"ferry", "default"};
};

TEST_F(EnvelopeSizesTest, FollowTheTimeThatJobsTake) {
  EXPECT_GT(enqueue<Slow>(10, 10), 9) << "nothing is known yet";
  enqueue<Fast>(10, 10);
  {
    test::RunningWorker worker(test::worker_options(redis), handlers());
    ASSERT_TRUE(eventually([&] { return hints() == "slow=2"; })) << hints();
    ASSERT_TRUE(eventually([&] { return queue.counts().done == 20; }));
  }
  enqueue<Slow>(1, 10);  // its reply tells
  EXPECT_LE(enqueue<Slow>(40, 10), 2);
  EXPECT_LE(enqueue<Slow>(40, 3000), 2) << "a large call is a transaction";
  EXPECT_GT(enqueue<Fast>(200, 10), 100) << "fast ones travel together as before";
}

TEST_F(EnvelopeSizesTest, AreToldWithARefusalToo) {
  admin.call({"HSET", keys.state, "hints", "slow=2"});
  ClientOptions options = test::client_options(redis);
  options.limits.max_jobs = 50;
  options.when_full = WhenFull::reject;
  Client bounded(options);
  enqueue<Fast>(50, 10);
  EXPECT_THROW(bounded.enqueue(Slow{}), Error);
  queue.purge();
  static_cast<void>(bounded.enqueue_all(std::vector<Slow>(40)));
  EXPECT_GE(queue.counts().envelopes, 20);
}

}  // namespace
}  // namespace ferry
