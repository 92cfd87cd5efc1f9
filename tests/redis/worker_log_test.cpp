// What a worker says while it works and when it stops: lines that programs can read, and no
// secrets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

struct Ping {
  static constexpr std::string_view kind = "ping";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

/// Lets a worker run three jobs, one of which cannot be decoded, and fail to reach Redis once.
std::string logs_of(LogFormat format) {
  PrivateRedis redis({.arguments = {"--requirepass", "hunter2secret"}});
  RedisOptions reach;
  reach.url = "unix://:hunter2secret@" + redis.socket_path();
  WorkerOptions options;
  options.redis = reach;
  options.log = {format, LogLevel::debug};
  Handlers handlers;
  handlers.on<Ping>([](const JobContext&, const Ping&) {});
  testing::internal::CaptureStderr();
  {
    ClientOptions producing;
    producing.redis = reach;
    Client client(producing);
    client.enqueue(Ping{1});
    test::RunningWorker worker(options, handlers);
    Queue queue(reach, "default");
    EXPECT_TRUE(test::eventually([&] { return queue.counts().done == 1; }));
    redis.kill();
    redis.start();
    client.enqueue_packed("ping", "\xc1 payload with a secret");
    Queue after(reach, "default");
    EXPECT_TRUE(test::eventually([&] { return after.counts().dead == 1; }));
  }
  return testing::internal::GetCapturedStderr();
}

TEST(WorkerLogTest, WritesOneJsonObjectALine) {
  const std::string logs = logs_of(LogFormat::json);
  std::istringstream lines(logs);
  std::vector<std::string> events;
  bool stats = false;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << line;
    if (json.contains("event")) {
      events.push_back(json["event"]);
      EXPECT_TRUE(json.contains("time") && json.contains("level") && json.contains("worker"));
    } else {
      stats = json.contains("done") && json["failed"] == 1;
    }
  }
  EXPECT_THAT(events, testing::IsSupersetOf({"working", "stopping", "stopped"}));
  EXPECT_TRUE(stats) << "the counters are printed on stop";
}

TEST(WorkerLogTest, SaysWhichKindGetsFewerHandlersThanItAsksFor) {
  PrivateRedis redis;
  WorkerOptions options = test::worker_options(redis);
  options.concurrency = 2;
  options.log = {LogFormat::json, LogLevel::warning};
  Handlers handlers;
  handlers.on<Ping>([](const JobContext&, const Ping&) {}, {.concurrency = 3});
  testing::internal::CaptureStderr();
  {
    test::RunningWorker worker(options, std::move(handlers));
    Client client(test::client_options(redis));
    client.enqueue(Ping{1});
    Queue queue(test::redis_options(redis), "default");
    EXPECT_TRUE(test::eventually([&] { return queue.counts().done == 1; }));
  }
  const std::string logs = testing::internal::GetCapturedStderr();
  EXPECT_THAT(logs, testing::HasSubstr("a kind asks for more handlers than the worker has"));
  EXPECT_THAT(logs, testing::HasSubstr("\"asked\":3"));
}

TEST(WorkerLogTest, ShowsNeitherPasswordsNorPayloads) {
  for (const LogFormat format : {LogFormat::json, LogFormat::text}) {
    const std::string logs = logs_of(format);
    EXPECT_THAT(logs, testing::HasSubstr("working"));
    EXPECT_THAT(logs, testing::Not(testing::HasSubstr("hunter2secret")));
    EXPECT_THAT(logs, testing::Not(testing::HasSubstr("payload with a secret")));
  }
}

}  // namespace
}  // namespace ferry
