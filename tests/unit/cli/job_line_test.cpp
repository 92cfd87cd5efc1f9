#include "cli/parts/job_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/parts/payload_view.hpp"
#include "wire/limits.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

JobLine job_of(std::string_view line) {
  auto parsed = parse_job_line(line);
  if (const auto* error = std::get_if<LineError>(&parsed)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<JobLine>(std::move(parsed));
}

LineError error_of(std::string_view line) {
  auto parsed = parse_job_line(line);
  if (const auto* error = std::get_if<LineError>(&parsed)) return *error;
  ADD_FAILURE() << "no error in " << line;
  return {};
}

TEST(JobLineTest, PacksThePayloadAsMsgpack) {
  const JobLine job = job_of(R"({"kind": "mail", "payload": {"to": "a", "n": [1, -2, 2.5]}})");
  EXPECT_EQ(job.kind, "mail");
  EXPECT_EQ(payload_as_json(job.payload), json::parse(R"({"to": "a", "n": [1, -2, 2.5]})"));
}

TEST(JobLineTest, LeavesDefaultsWhereNothingIsSaid) {
  const JobLine job = job_of(R"({"kind": "mail", "payload": null})");
  EXPECT_EQ(job.payload, "\xc0");
  EXPECT_EQ(job.options.priority, Priority::normal);
  EXPECT_EQ(job.options.run_after, 0ms);
  EXPECT_EQ(job.options.expires_after, 0ms);
  EXPECT_EQ(job.options.max_attempts, 0);
  EXPECT_TRUE(job.options.headers.empty());
}

TEST(JobLineTest, ReadsEveryOption) {
  const JobLine job = job_of(
      R"({"kind": "mail", "payload": {}, "priority": "high", "run_after": "5s",
          "expires_after": "1h", "max_attempts": 3, "batch_key": "b", "headers": {"a": "1"}, "latency_budget": "50ms",
          "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})");
  EXPECT_EQ(job.options.priority, Priority::high);
  EXPECT_EQ(job.options.run_after, 5s);
  EXPECT_EQ(job.options.expires_after, 1h);
  EXPECT_EQ(job.options.latency_budget, 50ms);
  EXPECT_EQ(job.options.max_attempts, 3);
  EXPECT_EQ(job.options.batch_key, "b");
  EXPECT_EQ(job.options.headers, (std::map<std::string, std::string>{{"a", "1"}}));
  EXPECT_EQ(job.options.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
}

TEST(JobLineTest, RefusesWholeNumbersThatWouldBecomeOthers) {
  for (const std::string number : {"18446744073709551615", "-9223372036854775808", "1e30"}) {
    const JobLine job = job_of(R"({"kind": "a", "payload": [)" + number + "]}");
    EXPECT_EQ(payload_as_json(job.payload), json::parse("[" + number + "]"));
  }
  for (const std::string number :
       {"18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"}) {
    const LineError error = error_of(R"({"kind": "a", "payload": {"x": [)" + number + "]}}");
    EXPECT_THAT(error.message, testing::AllOf(HasSubstr(number), HasSubstr("or text")));
    EXPECT_NE(error_of(R"({"kind": "a", "payload": 1, "max_attempts": )" + number + "}").message,
              "");
  }
  const JobLine text = job_of(R"({"kind": "a", "payload": "18446744073709551616"})");
  EXPECT_EQ(payload_as_json(text.payload), json("18446744073709551616"));
}

TEST(JobLineTest, BoundsEveryTime) {
  for (const std::string field : {"run_after", "expires_after", "latency_budget"}) {
    for (const std::string time : {"367d", "100000d", "1e30s", "-5s", "0.1ms", "nan"}) {
      const LineError error =
          error_of(R"({"kind": "a", "payload": 1, ")" + field + R"(": ")" + time + "\"}");
      EXPECT_EQ(error.field, field);
      EXPECT_THAT(error.message, HasSubstr("expected")) << time;
    }
  }
  EXPECT_EQ(job_of(R"({"kind": "a", "payload": 1, "run_after": "366d"})").options.run_after,
            std::chrono::days{366});
  EXPECT_EQ(
      error_of(R"({"kind": "a", "payload": 1, "run_after": "2s", "expires_after": "1s"})").field,
      "expires_after");
}

struct BadLine {
  const char* line;
  const char* field;
  const char* message;
};

class BadLineTest : public testing::TestWithParam<BadLine> {};

TEST_P(BadLineTest, NamesTheFieldAndWhatWasExpected) {
  const LineError error = error_of(GetParam().line);
  EXPECT_EQ(error.field, GetParam().field);
  EXPECT_THAT(error.message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    , BadLineTest,
    testing::Values(
        BadLine{"{", "", "not valid JSON at column 2"}, BadLine{"[1]", "", "the line is array"},
        BadLine{R"({"kind": "a"})", "payload", "payload is missing"},
        BadLine{R"({"payload": 1})", "kind", "kind is missing"},
        BadLine{R"({"kind": 7, "payload": 1})", "kind", "kind is number; expected text"},
        BadLine{R"({"kind": "a b", "payload": 1})", "kind", "kind is \"a b\"; expected 1 to 64"},
        BadLine{R"({"kind": "a", "payload": 1, "runafter": "5s"})", "runafter", "is not known"},
        BadLine{R"({"kind": "a", "payload": 1, "run_after": 5})", "run_after", "expected text"},
        BadLine{R"({"kind": "a", "payload": 1, "run_after": "5"})", "run_after",
                "run_after is \"5\"; expected a duration such as 500ms"},
        BadLine{R"({"kind": "a", "payload": 1, "run_after": "9999d"})", "run_after", "run_after"},
        BadLine{R"({"kind": "a", "payload": 1, "expires_after": "x"})", "expires_after",
                "expected a duration"},
        BadLine{R"({"kind": "a", "payload": 1, "priority": "urgent"})", "priority",
                "expected high, normal or low"},
        BadLine{R"({"kind": "a", "payload": 1, "max_attempts": 0})", "max_attempts", "1 to 1000"},
        BadLine{R"({"kind": "a", "payload": 1, "max_attempts": 2.5})", "max_attempts", "1 to 1000"},
        BadLine{R"({"kind": "a", "payload": 1, "max_attempts": [1]})", "max_attempts", "1 to 1000"},
        BadLine{R"({"kind": "a", "payload": 1, "headers": ["a"]})", "headers",
                "expected an object"},
        BadLine{R"({"kind": "a", "payload": 1, "headers": {"a": 1}})", "headers", "\"a\""},
        BadLine{R"({"kind": "a", "payload": 1, "traceparent": "00-x"})", "traceparent",
                "traceparent"}),
    [](const auto& bad) { return "Line" + std::to_string(bad.index); });

TEST(JobLineTest, NeverQuotesThePayload) {
  EXPECT_THAT(error_of(R"({"kind": "a", "payload": {"card": "4111"},})").message,
              Not(HasSubstr("4111")));
}

std::string nested(std::size_t depth) {
  return R"({"kind": "a", "payload": )" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

TEST(JobLineTest, RefusesPayloadsThatNestTooDeep) {
  EXPECT_EQ(job_of(nested(wire::max_payload_depth)).payload.size(), wire::max_payload_depth);
  EXPECT_EQ(error_of(nested(wire::max_payload_depth + 1)).field, "payload");
  EXPECT_EQ(error_of(nested(5'000'000)).field, "payload");
}

TEST(JobLineTest, CountsNoBracketsInsideText) {
  const std::string text = R"({"kind": "a", "payload": "\")" + std::string(200, '[') + R"("})";
  EXPECT_EQ(job_of(text).payload.size(), 203U);
}

TEST(JobLineTest, RefusesPayloadsAboveTheLimit) {
  const std::string large(wire::max_payload_bytes, 'x');
  EXPECT_EQ(error_of(R"({"kind": "a", "payload": ")" + large + "\"}").field, "payload");
}

TEST(PayloadViewTest, ShowsBinariesAndExtensionsAsHex) {
  EXPECT_EQ(payload_as_json(std::string_view("\xc4\x02\x00\xff", 4)),
            json::parse(R"({"hex": "00ff"})"));
  EXPECT_EQ(payload_as_json(std::string_view("\xd4\xff\x07", 3)),
            json::parse(R"({"extension": -1, "hex": "07"})"));
}

TEST(PayloadViewTest, RefusesWhatIsNotOneValue) {
  EXPECT_EQ(payload_as_json(""), std::nullopt);
  EXPECT_EQ(payload_as_json("\x01\x02"), std::nullopt);
  EXPECT_EQ(payload_as_json("\xc1"), std::nullopt);
  EXPECT_EQ(payload_as_json("\x92\x01"), std::nullopt);
  EXPECT_EQ(payload_as_json("\x81\x01\x02"), std::nullopt);  // a key that is not text
}

TEST(PayloadViewTest, SurvivesHostileDepthAndSizes) {
  const std::string deep = std::string(1'000'000, '\x91') + '\x01';
  EXPECT_EQ(payload_as_json(deep), std::nullopt);
  EXPECT_EQ(payload_as_json("\xdd\xff\xff\xff\xff"), std::nullopt);
  EXPECT_EQ(payload_as_json("\xc6\xff\xff\xff\xff"), std::nullopt);
  const std::string allowed = std::string(wire::max_payload_depth, '\x91') + '\x01';
  EXPECT_NE(payload_as_json(allowed), std::nullopt);
  EXPECT_EQ(payload_as_json('\x91' + allowed), std::nullopt);
}

}  // namespace
}  // namespace ferry::cli
