// A producer that knows only core/PROTOCOL.md, written in another language, and a Ferry worker.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

struct Greeting {
  static constexpr std::string_view kind = "greeting";
  std::string text;
  int number = 0;
  MSGPACK_DEFINE_MAP(text, number)
};

TEST(NodeProducerTest, EnqueuesJobsThatAWorkerRuns) {
  const std::string script = std::string(FERRY_BIN_DIR) + "/../tests/node/enqueue.mjs";
  const auto packages = std::filesystem::path(script).parent_path() / "node_modules";
  const char* ci = std::getenv("CI");
  if (std::system("command -v node >/dev/null") != 0 || !std::filesystem::exists(packages)) {
    if (ci != nullptr && std::string(ci) == "true") FAIL() << "node or its packages are missing";
    GTEST_SKIP() << "node or its packages are missing";
  }
  PrivateRedis redis;
  Handlers handlers;
  std::atomic<int> right{0};
  handlers.on<Greeting>([&](const JobContext& context, const Greeting& greeting) {
    right += greeting.text == "Grüße" && greeting.number == 7 && context.attempt == 1;
  });
  test::RunningWorker worker(test::worker_options(redis), std::move(handlers));
  // The functions are installed by whoever may: here the worker.
  Queue queue(test::redis_options(redis), "default");
  ASSERT_TRUE(test::eventually([&] {
    try {
      return queue.counts().workers == 1;
    } catch (const Error&) {
      return false;
    }
  }));
  const std::string command = "node '" + script + "' '" + redis.socket_path() +
                              "' ferry default greeting 300 '{\"text\":\"Grüße\",\"number\":7}'";
  ASSERT_EQ(std::system((command + " >/dev/null").c_str()), 0);
  ASSERT_TRUE(test::eventually([&] { return queue.counts().done == 300; }));
  EXPECT_EQ(right, 300);
  EXPECT_TRUE(queue.audit().balanced());
}

}  // namespace
}  // namespace ferry
