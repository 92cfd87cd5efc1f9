#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "ferry/error.hpp"
#include "ferry/worker.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

/// Returns: what is said of the defaults after one change.
std::string refusal(const std::function<void(WorkerOptions&)>& change) {
  WorkerOptions options;
  change(options);
  try {
    options.validate();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "no error";
}

TEST(WorkerOptionsTest, BoundsTheNumberOfQueues) {
  WorkerOptions options;
  options.queues.clear();
  for (int i = 0; i < 256; ++i) options.queues.push_back({"q" + std::to_string(i), 1});
  EXPECT_NO_THROW(options.validate());
  options.queues.push_back({"one_more", 1});
  EXPECT_THAT(refusal([&](WorkerOptions& changed) { changed = options; }),
              StartsWith("queues is a list of 257: expected at most 256"));
}

TEST(WorkerOptionsTest, AcceptsItsDefaultsAndItsLimits) {
  EXPECT_NO_THROW(WorkerOptions{}.validate());
  WorkerOptions options;
  options.queues = {{"a", 1}, {"b", 1000}};
  options.concurrency = 1024;
  options.max_jobs_in_flight = 1'000'000;
  options.max_bytes_in_flight = std::size_t{64} << 30;
  options.lease = 1h;
  options.max_deliveries = 9;
  options.trace_jobs = 100'000;
  options.stop_within = 24h;
  options.name = "host-1.example_2";
  EXPECT_NO_THROW(options.validate());
}

TEST(WorkerOptionsTest, RefusesBadQueues) {
  EXPECT_THAT(refusal([](auto& o) { o.queues.clear(); }), StartsWith("queues is empty"));
  EXPECT_THAT(refusal([](auto& o) {
                o.queues = {{"a", 1}, {"a", 2}};
              }),
              StartsWith("queues[1].name is \"a\" again"));
  EXPECT_THAT(refusal([](auto& o) { o.queues = {{"a b", 1}}; }), HasSubstr("queues[0].name"));
  EXPECT_THAT(refusal([](auto& o) {
                o.queues = {{"a", 0}};
              }),
              StartsWith("queues[0].weight is 0: expected 1 to 1000"));
  EXPECT_THAT(refusal([](auto& o) {
                o.queues = {{"a", 1}, {"b", 1001}};
              }),
              StartsWith("queues[1].weight is 1001"));
}

TEST(WorkerOptionsTest, RefusesNumbersOutOfRangeByName) {
  EXPECT_THAT(refusal([](auto& o) { o.concurrency = 1025; }), StartsWith("concurrency is 1025"));
  EXPECT_THAT(refusal([](auto& o) { o.max_jobs_in_flight = 0; }),
              StartsWith("max_jobs_in_flight is 0: expected 1 to 1000000"));
  EXPECT_THAT(refusal([](auto& o) { o.max_jobs_in_flight = 1'000'001; }),
              StartsWith("max_jobs_in_flight"));
  EXPECT_THAT(refusal([](auto& o) { o.max_bytes_in_flight = 65'535; }),
              StartsWith("max_bytes_in_flight is 65535"));
  EXPECT_THAT(refusal([](auto& o) { o.max_bytes_in_flight = (std::size_t{64} << 30) + 1; }),
              StartsWith("max_bytes_in_flight"));
  EXPECT_THAT(refusal([](auto& o) { o.max_deliveries = 0; }), StartsWith("max_deliveries is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.max_deliveries = 10; }), HasSubstr("1 to 9"));
  EXPECT_THAT(refusal([](auto& o) { o.trace_jobs = 0; }), StartsWith("trace_jobs is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.trace_jobs = 100'001; }), HasSubstr("1 to 100000"));
}

struct Held {
  static constexpr std::string_view kind = "held";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

/// Returns: what is said of a batch handler with this policy.
std::string refusal_of(const Policy& policy, std::size_t jobs, std::size_t bytes = 64 << 20) {
  WorkerOptions options;
  options.max_jobs_in_flight = jobs;
  options.max_bytes_in_flight = bytes;
  Handlers handlers;
  handlers.on_batch<Held>(policy, [](Batch<Held>&) {});
  try {
    Worker worker(options, handlers);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "no error";
}

TEST(WorkerOptionsTest, RefusesABatchThatCouldNeverFill) {
  EXPECT_THAT(refusal_of(fixed(76, 30s), 100),
              StartsWith("max_jobs of kind \"held\" is 76: expected at most 75, or it never fills: "
                         "max_jobs_in_flight is 100"));
  EXPECT_EQ(refusal_of(fixed(75, 30s), 100), "no error");
  EXPECT_THAT(refusal_of(fixed(10, 30s, 1 << 20), 100, 1 << 20),
              StartsWith("max_bytes of kind \"held\" is 1048576: expected at most 786432"));
  EXPECT_EQ(refusal_of(fixed(10, 30s, 786'432), 100, 1 << 20), "no error");
  EXPECT_EQ(refusal_of(fixed(10, 30s), 100, 1 << 20), "no error") << "bytes were not asked for";
  EXPECT_EQ(refusal_of(fixed(1000, 0s), 100), "no error") << "it does not wait";
  EXPECT_EQ(refusal_of(realtime(1000), 100), "no error");
  EXPECT_EQ(refusal_of(latency_budget(50ms), 100), "no error");
}

TEST(WorkerOptionsTest, RefusesTimesOutOfRangeByName) {
  EXPECT_THAT(refusal([](auto& o) { o.lease = 199ms; }), StartsWith("lease is 199 ms"));
  EXPECT_THAT(refusal([](auto& o) { o.lease = 1h + 1ms; }), StartsWith("lease"));
  EXPECT_THAT(refusal([](auto& o) { o.stop_within = -1ms; }), StartsWith("stop_within is -1 ms"));
  EXPECT_THAT(refusal([](auto& o) { o.stop_within = 24h + 1ms; }), StartsWith("stop_within"));
}

TEST(WorkerOptionsTest, RefusesBadNamesAndEnumerators) {
  EXPECT_THAT(refusal([](auto& o) { o.name = "has a space"; }), HasSubstr("name"));
  EXPECT_THAT(refusal([](auto& o) { o.order = static_cast<QueueOrder>(7); }), StartsWith("order"));
  EXPECT_THAT(refusal([](auto& o) { o.log.format = static_cast<LogFormat>(7); }),
              StartsWith("log.format"));
  EXPECT_THAT(refusal([](auto& o) { o.log.level = static_cast<LogLevel>(7); }),
              StartsWith("log.level"));
}

TEST(WorkerOptionsTest, ChecksHowRedisIsReached) {
  EXPECT_NE(refusal([](auto& o) { o.redis.url = "http://elsewhere"; }), "no error");
  EXPECT_NE(refusal([](auto& o) { o.redis.prefix = "a b"; }), "no error");
}

}  // namespace
}  // namespace ferry
