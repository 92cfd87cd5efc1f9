// Every number of the public headers at the edges of its range and far beyond.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/client_options.hpp"
#include "ferry/error.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "support/error_from.hpp"

namespace ferry {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t days_366_ms = 366 * 24 * hour_ms;
constexpr std::int64_t two_to_53 = std::int64_t{1} << 53;

/// One number that somebody may set, its range, and what happens when it is set and checked.
struct Field {
  std::string name;
  std::int64_t least;
  std::int64_t most;
  std::function<void(std::int64_t)> check;
  /// Of the C++ type: what lies beyond cannot be written.
  std::int64_t type_least = std::numeric_limits<std::int64_t>::min();
  std::int64_t type_most = std::numeric_limits<std::int64_t>::max();
};

template <typename Options, typename Change>
std::function<void(std::int64_t)> checked(Change change) {
  return [change](std::int64_t value) {
    Options options;
    change(options, value);
    options.validate();
  };
}

Field of_int(Field field) {
  field.type_least = std::numeric_limits<int>::min();
  field.type_most = std::numeric_limits<int>::max();
  return field;
}

Field of_enum(const std::string& name, std::int64_t last, std::function<void(std::int64_t)> check) {
  return {name, 0, last, std::move(check), 0, 255};
}

std::vector<Field> fields_of_clients() {
  using C = ClientOptions;
  return {
      {"connect_timeout", 1, hour_ms,
       checked<RedisOptions>([](auto& o, auto n) { o.connect_timeout = milliseconds{n}; })},
      {"command_timeout", 1, hour_ms,
       checked<RedisOptions>([](auto& o, auto n) { o.command_timeout = milliseconds{n}; })},
      {"limits.max_jobs", 0, two_to_53 - 1,
       checked<C>([](auto& o, auto n) { o.limits.max_jobs = n; })},
      {"limits.max_bytes", 0, two_to_53 - 1,
       checked<C>([](auto& o, auto n) { o.limits.max_bytes = n; })},
      {"limits.max_age", 0, days_366_ms,
       checked<C>([](auto& o, auto n) { o.limits.max_age = milliseconds{n}; })},
      of_enum("when_full", 3,
              checked<C>([](auto& o, auto n) { o.when_full = static_cast<WhenFull>(n); })),
      {"block_timeout", 0, hour_ms,
       checked<C>([](auto& o, auto n) { o.block_timeout = milliseconds{n}; })},
      {"linger", 0, 1'000'000, checked<C>([](auto& o, auto n) { o.linger = microseconds{n}; })},
      {"max_jobs_per_envelope", 1, 1000,
       checked<C>([](auto& o, auto n) { o.max_jobs_per_envelope = static_cast<std::size_t>(n); })},
      {"max_bytes_per_envelope", 1024, 1024 * 1024,
       checked<C>([](auto& o, auto n) { o.max_bytes_per_envelope = static_cast<std::size_t>(n); })},
      {"buffer_jobs", 1, 10'000'000,
       checked<C>([](auto& o, auto n) { o.buffer_jobs = static_cast<std::size_t>(n); })},
      {"buffer_bytes", 64 * 1024, std::int64_t{4} << 30,
       checked<C>([](auto& o, auto n) { o.buffer_bytes = static_cast<std::size_t>(n); })},
      {"compress_from_bytes", 0, 16 * 1024 * 1024,
       checked<C>([](auto& o, auto n) { o.compress_from_bytes = static_cast<std::size_t>(n); })},
      of_int({"durability.replicas", 1, 100, checked<C>([](auto& o, auto n) {
                o.durability = Durability::replicated(static_cast<int>(n));
              })}),
      of_enum("durability.level", 2, checked<Durability>([](auto& o, auto n) {
                o.level = static_cast<Durability::Level>(n);
                if (o.level == Durability::Level::replicated) o.replicas = 1;
              })),
  };
}

std::vector<Field> fields_of_jobs() {
  using E = EnqueueOptions;
  return {
      of_enum("priority", 2,
              checked<E>([](auto& o, auto n) { o.priority = static_cast<Priority>(n); })),
      {"run_after", 0, days_366_ms,
       checked<E>([](auto& o, auto n) { o.run_after = milliseconds{n}; })},
      {"expires_after", 0, days_366_ms,
       checked<E>([](auto& o, auto n) { o.expires_after = milliseconds{n}; })},
      of_int({"max_attempts", 0, 1000,
              checked<E>([](auto& o, auto n) { o.max_attempts = static_cast<int>(n); })}),
      {"latency_budget", 0, hour_ms,
       checked<E>([](auto& o, auto n) { o.latency_budget = milliseconds{n}; })},
      {"limit", 1, 1000,
       [](std::int64_t n) {
         RedisOptions nowhere{.url = "unix:///nowhere/at/all.sock"};
         try {
           Queue(nowhere, "mail").jobs(JobState::waiting, static_cast<std::size_t>(n));
         } catch (const Error& error) {
           if (error.code() == ErrorCode::invalid_argument) throw;  // else it was let through
         }
       }},
  };
}

std::vector<Field> fields_of_handlers() {
  using H = HandlerOptions;
  return {
      {"concurrency", 0, 1024,
       checked<H>([](auto& o, auto n) { o.concurrency = static_cast<std::size_t>(n); })},
      of_int({"max_attempts", 1, 1000,
              checked<H>([](auto& o, auto n) { o.max_attempts = static_cast<int>(n); })}),
      {"backoff.base", 1, hour_ms, checked<H>([](auto& o, auto n) {
         o.backoff = {milliseconds{n}, milliseconds{days_366_ms}};
       })},
      {"backoff.cap", 1000, days_366_ms,
       checked<H>([](auto& o, auto n) { o.backoff.cap = milliseconds{n}; })},
      of_enum("policy.kind", 2, checked<Policy>([](auto& o, auto n) {
                o.kind = static_cast<PolicyKind>(n);
                if (o.kind == PolicyKind::latency_budget) o.budget = milliseconds{1};
              })),
      {"policy.max_jobs", 1, 10'000,
       checked<Policy>([](auto& o, auto n) { o.max_jobs = static_cast<std::size_t>(n); })},
      {"policy.max_bytes", 1024, std::int64_t{1} << 30,
       checked<Policy>([](auto& o, auto n) { o.max_bytes = static_cast<std::size_t>(n); })},
      {"policy.linger", 0, 1000 * hour_ms, checked<Policy>([](auto& o, auto n) {
         o.kind = PolicyKind::fixed;
         o.linger = microseconds{n};
       })},
      {"policy.budget", 1000, 1000 * hour_ms, checked<Policy>([](auto& o, auto n) {
         o.kind = PolicyKind::latency_budget;
         o.budget = microseconds{n};
       })},
  };
}

std::vector<Field> fields_of_workers() {
  using W = WorkerOptions;
  return {
      of_int({"queues[0].weight", 1, 1000, checked<W>([](auto& o, auto n) {
                o.queues = {{"a", static_cast<int>(n)}};
              })}),
      of_enum("order", 1,
              checked<W>([](auto& o, auto n) { o.order = static_cast<QueueOrder>(n); })),
      {"concurrency", 0, 1024,
       checked<W>([](auto& o, auto n) { o.concurrency = static_cast<std::size_t>(n); })},
      {"max_jobs_in_flight", 1, 1'000'000,
       checked<W>([](auto& o, auto n) { o.max_jobs_in_flight = static_cast<std::size_t>(n); })},
      {"max_bytes_in_flight", 64 * 1024, std::int64_t{64} << 30,
       checked<W>([](auto& o, auto n) { o.max_bytes_in_flight = static_cast<std::size_t>(n); })},
      {"lease", 200, hour_ms, checked<W>([](auto& o, auto n) { o.lease = milliseconds{n}; })},
      of_int({"max_deliveries", 1, 9,
              checked<W>([](auto& o, auto n) { o.max_deliveries = static_cast<int>(n); })}),
      {"stop_within", 0, 24 * hour_ms,
       checked<W>([](auto& o, auto n) { o.stop_within = milliseconds{n}; })},
      {"trace_jobs", 1, 100'000,
       checked<W>([](auto& o, auto n) { o.trace_jobs = static_cast<std::size_t>(n); })},
      of_enum("log.format", 1,
              checked<W>([](auto& o, auto n) { o.log.format = static_cast<LogFormat>(n); })),
      of_enum("log.level", 4,
              checked<W>([](auto& o, auto n) { o.log.level = static_cast<LogLevel>(n); })),
      {"objective.within", 1, 24 * hour_ms, checked<LatencyObjective>([](auto& o, auto n) {
         o.queue = "a";
         o.within = milliseconds{n};
       })},
  };
}

std::vector<Field> all_fields() {
  std::vector<Field> all;
  for (const auto& some :
       {fields_of_clients(), fields_of_jobs(), fields_of_handlers(), fields_of_workers()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

TEST(NumbersTest, AreAcceptedAtTheEdgesOfTheirRange) {
  for (const Field& field : all_fields()) {
    for (const std::int64_t value : {field.least, field.most}) {
      EXPECT_NO_THROW(field.check(value)) << field.name << " " << value;
    }
  }
}

TEST(NumbersTest, AreRefusedBeyondByFieldValueAndRange) {
  for (const Field& field : all_fields()) {
    std::vector<std::int64_t> beyond;
    if (field.least > field.type_least) {
      beyond.insert(beyond.end(), {field.least - 1, field.type_least});
      if (field.type_least < 0) beyond.push_back(-1);
    }
    if (field.most < field.type_most) {
      beyond.insert(beyond.end(), {field.most + 1, field.type_most, field.type_most - 1});
    }
    ASSERT_FALSE(beyond.empty()) << field.name;
    for (const std::int64_t value : beyond) {
      const Error error = test::error_from([&] { field.check(value); });
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << field.name << " " << value;
      // A size below 0 is the largest of all by the time that we see it.
      const std::string as_size = std::to_string(static_cast<std::uint64_t>(value));
      EXPECT_THAT(error.what(), AllOf(HasSubstr(field.name), HasSubstr("expected"),
                                      AnyOf(HasSubstr(std::to_string(value)), HasSubstr(as_size))));
    }
  }
}

TEST(NumbersTest, ThatDependOnEachOtherAreCheckedTogether) {
  struct Pair {
    std::int64_t run_after;
    std::int64_t expires_after;
    bool fine;
  };
  const Pair pairs[]{{0, 0, true},
                     {5, 0, true},
                     {0, 5, true},
                     {5, 6, true},
                     {5, 5, false},
                     {6, 5, false},
                     {days_366_ms, days_366_ms, false},
                     {days_366_ms, 0, true}};
  for (const Pair& pair : pairs) {
    EnqueueOptions options;
    options.run_after = milliseconds{pair.run_after};
    options.expires_after = milliseconds{pair.expires_after};
    if (pair.fine) {
      EXPECT_NO_THROW(options.validate()) << pair.run_after << " " << pair.expires_after;
      continue;
    }
    EXPECT_THAT(test::error_from([&] { options.validate(); }).what(),
                AllOf(HasSubstr("expires_after"), HasSubstr("run_after"), HasSubstr("never run")));
  }
}

TEST(NumbersTest, AShareThatIsNoNumberIsRefused) {
  for (const double share : {std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity(), -1.0, 0.0, 1.0, 0.9499}) {
    LatencyObjective objective;
    objective.queue = "a";
    objective.within = milliseconds{1};
    objective.share = share;
    EXPECT_THAT(test::error_from([&] { objective.validate(); }).what(),
                HasSubstr("objective.share"));
  }
}

TEST(NumbersTest, AClockThatTellsWhatCannotBeStoredIsRefused) {
  using Moment = std::chrono::system_clock::time_point;
  constexpr microseconds latest = milliseconds{7'258'118'400'000 - days_366_ms};
  const auto code_at = [](Moment moment) {
    ClientOptions options;
    options.redis.url = "unix:///nowhere/at/all.sock";
    options.block_timeout = milliseconds{0};
    options.clock = [moment] { return moment; };
    Client client(std::move(options));
    const Error error = test::error_from([&] { client.enqueue_packed("kind", "payload"); });
    if (error.code() == ErrorCode::invalid_argument) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("ClientOptions.clock"), HasSubstr("1970 to 2198")));
    }
    return error.code();
  };
  const Moment epoch{};
  for (const Moment moment : {epoch, epoch + microseconds{1}, epoch + latest}) {
    EXPECT_EQ(code_at(moment), ErrorCode::unavailable);
  }
  for (const Moment moment : {Moment::min(), Moment::max(), epoch - std::chrono::nanoseconds{1},
                              epoch + latest + microseconds{1}}) {
    EXPECT_EQ(code_at(moment), ErrorCode::invalid_argument);
  }
}

TEST(NumbersTest, APrivateRedisIsNotStartedWithANumberThatIsNone) {
  for (const std::int64_t memory : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
                                    std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_THAT(test::error_from([&] { PrivateRedis({.maxmemory = memory}); }).what(),
                AllOf(HasSubstr("maxmemory"), HasSubstr(std::to_string(memory))));
  }
  EXPECT_THAT(test::error_from([] { PrivateRedis({.fsync = static_cast<Fsync>(3)}); }).what(),
              HasSubstr("fsync"));
}

}  // namespace
}  // namespace ferry
