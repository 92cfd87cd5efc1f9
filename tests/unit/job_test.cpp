#include "ferry/job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ferry/error.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string complaint(const EnqueueOptions& options) {
  try {
    options.validate();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "accepted";
}

const std::string traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(EnqueueOptionsTest, AcceptsTheDefaultsAndTheBounds) {
  EXPECT_EQ(complaint({}), "accepted");
  EXPECT_EQ(complaint({.queue = std::string(64, 'q'),
                       .priority = Priority::low,
                       .run_after = std::chrono::days(366) - 1ms,
                       .expires_after = std::chrono::days(366),
                       .max_attempts = 1000,
                       .traceparent = traceparent,
                       .batch_key = std::string(128, 'b'),
                       .headers = {{"h", std::string(8191, 'v')}},
                       .latency_budget = 1h}),
            "accepted");
}

TEST(EnqueueOptionsTest, NamesTheFieldThatIsWrong) {
  EXPECT_THAT(complaint({.queue = "a b"}), HasSubstr("queue is \"a b\""));
  EXPECT_THAT(complaint({.priority = static_cast<Priority>(3)}), HasSubstr("priority is 3"));
  EXPECT_THAT(complaint({.run_after = -1ms}), HasSubstr("run_after is -1 ms"));
  EXPECT_THAT(complaint({.run_after = std::chrono::days(366) + 1ms}), HasSubstr("run_after is"));
  EXPECT_THAT(complaint({.expires_after = -5ms}), HasSubstr("expires_after is -5 ms"));
  EXPECT_THAT(complaint({.expires_after = std::chrono::milliseconds::max()}),
              HasSubstr("expires_after is"));
  EXPECT_THAT(complaint({.latency_budget = -1ms}), HasSubstr("latency_budget is -1 ms"));
  EXPECT_THAT(complaint({.latency_budget = 1h + 1ms}), HasSubstr("latency_budget is 3600001 ms"));
  EXPECT_THAT(complaint({.max_attempts = -1}), HasSubstr("max_attempts is -1"));
  EXPECT_THAT(complaint({.max_attempts = 1001}), HasSubstr("max_attempts is 1001"));
  EXPECT_THAT(complaint({.batch_key = std::string(129, 'b')}), HasSubstr("batch_key has 129"));
}

TEST(EnqueueOptionsTest, RefusesATraceparentThatNoTracerWouldRead) {
  std::string upper = traceparent;
  upper[3] = 'A';
  std::string shifted = traceparent;
  std::swap(shifted[35], shifted[36]);
  std::string version = traceparent;
  version.replace(0, 2, "ff");
  std::string no_trace = traceparent;
  no_trace.replace(3, 32, 32, '0');
  std::string no_parent = traceparent;
  no_parent.replace(36, 16, 16, '0');
  for (const std::string& text : {upper, shifted, version, no_trace, no_parent,
                                  traceparent.substr(1), traceparent + "0", std::string("x")}) {
    EXPECT_THAT(complaint({.traceparent = text}), HasSubstr("traceparent has")) << text;
  }
}

TEST(EnqueueOptionsTest, BoundsTheHeadersAndKeepsTheirValuesOutOfTheMessage) {
  EnqueueOptions many;
  for (int i = 0; i < 33; ++i) many.headers.emplace("h" + std::to_string(i), "v");
  EXPECT_THAT(complaint(many), HasSubstr("headers has 33 entries"));
  const EnqueueOptions large{.headers = {{"h", std::string(8192, 's')}}};
  EXPECT_THAT(complaint(large), HasSubstr("headers has 8193 bytes"));
  EXPECT_THAT(complaint(large), testing::Not(HasSubstr("ss")));
}

TEST(PriorityTest, NamesAreStoredSoTheyNeverChange) {
  EXPECT_EQ(to_string(Priority::high), "high");
  EXPECT_EQ(to_string(Priority::normal), "normal");
  EXPECT_EQ(to_string(Priority::low), "low");
  for (const Priority priority : {Priority::high, Priority::normal, Priority::low}) {
    EXPECT_EQ(parse_priority(to_string(priority)), priority);
  }
  EXPECT_FALSE(parse_priority("High"));
  EXPECT_FALSE(parse_priority(""));
}

}  // namespace
}  // namespace ferry
