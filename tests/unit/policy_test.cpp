#include "ferry/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "ferry/error.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string refusal(const auto& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "no error";
}

TEST(PolicyTest, WritesItselfAsItIsSpelt) {
  EXPECT_EQ(realtime().to_string(), "realtime");
  EXPECT_EQ(realtime(50).to_string(), "realtime(50)");
  EXPECT_EQ(fixed(100, 5ms).to_string(), "fixed(100, 5ms)");
  EXPECT_EQ(fixed(100, 1500us).to_string(), "fixed(100, 1500us)");
  EXPECT_EQ(fixed(100, 2s).to_string(), "fixed(100, 2s)");
  EXPECT_EQ(fixed(100, 0ms).to_string(), "fixed(100, 0ms)");
  EXPECT_EQ(latency_budget(50ms).to_string(), "latency_budget(50ms)");
  EXPECT_EQ(latency_budget(50ms, 500).to_string(), "latency_budget(50ms, 500)");
  EXPECT_EQ(latency_budget(50ms).shed(Priority::low).to_string(), "latency_budget(50ms, shed=low)");
  EXPECT_EQ(latency_budget(50ms, 500).shed(Priority::normal).to_string(),
            "latency_budget(50ms, 500, shed=normal)");
}

TEST(PolicyTest, ReadsWhatItWrites) {
  for (const Policy& policy :
       {realtime(), realtime(7), fixed(1, 0ms), fixed(10'000, 1h), fixed(100, 1234us),
        fixed(3, 20ms), latency_budget(1ms), latency_budget(1h, 500),
        latency_budget(1ms).shed(Priority::low), latency_budget(2s, 7).shed(Priority::normal)}) {
    const Policy read = Policy::parse(policy.to_string());
    EXPECT_EQ(read.kind, policy.kind) << policy.to_string();
    EXPECT_EQ(read.max_jobs, policy.max_jobs);
    EXPECT_EQ(read.linger, policy.linger);
    EXPECT_EQ(read.budget, policy.budget);
    EXPECT_EQ(read.max_bytes, policy.max_bytes);
    EXPECT_EQ(read.shed_from, policy.shed_from);
  }
}

TEST(PolicyTest, ReadsTheFormsThatACommandLineLikes) {
  EXPECT_EQ(Policy::parse("fixed:100:5ms").to_string(), "fixed(100, 5ms)");
  EXPECT_EQ(Policy::parse("fixed(100,5ms)").to_string(), "fixed(100, 5ms)");
  EXPECT_EQ(Policy::parse(" fixed( 100 , 5000us ) ").to_string(), "fixed(100, 5ms)");
  EXPECT_EQ(Policy::parse("latency_budget:50ms").to_string(), "latency_budget(50ms)");
  EXPECT_EQ(Policy::parse("latency_budget(2s,10)").to_string(), "latency_budget(2s, 10)");
  EXPECT_EQ(Policy::parse("latency_budget:50ms:10:shed=low").to_string(),
            "latency_budget(50ms, 10, shed=low)");
  EXPECT_EQ(Policy::parse("realtime:20").to_string(), "realtime(20)");
}

TEST(PolicyTest, RefusesWhatItCannotRead) {
  for (const char* text : {"",
                           "(",
                           ")",
                           "fixed",
                           "fixed(100)",
                           "fixed(100, 5)",
                           "fixed(100, 5 m)",
                           "fixed(x, 5ms)",
                           "fixed(100, 5ms",
                           "fixed(100, 5ms, 3)",
                           "fixed(100, -5ms)",
                           "realtime()",
                           "realtime(3x)",
                           "batch(3)",
                           "fixed:100:5ms:",
                           "real time",
                           "latency_budget",
                           "latency_budget(50)",
                           "latency_budget(50ms, x)",
                           "latency_budget(50ms, 1, 1)",
                           "latency_budget(shed=low)",
                           "latency_budget(50ms, shed=)",
                           "latency_budget(50ms, shed=lowest)",
                           "latency_budget(50ms, shed=low, 10)",
                           "fixed(10, 5ms, shed=low)",
                           "realtime(shed=low)"}) {
    EXPECT_THAT(refusal([&] { Policy::parse(text); }),
                HasSubstr("expected realtime, realtime(N), fixed(N, 5ms) or fixed:N:5ms"))
        << text;
  }
}

TEST(PolicyTest, ChecksTheRangeOfWhatItReads) {
  EXPECT_THAT(refusal([] { Policy::parse("fixed(0, 5ms)"); }), HasSubstr("policy.max_jobs is 0"));
  EXPECT_THAT(refusal([] { Policy::parse("fixed(10, 3601s)"); }), HasSubstr("policy.linger"));
  EXPECT_THAT(refusal([] { Policy::parse("latency_budget(999us)"); }),
              HasSubstr("policy.budget is 999 us"));
  EXPECT_THAT(refusal([] { Policy::parse("latency_budget(3601s)"); }), HasSubstr("policy.budget"));
  EXPECT_THAT(refusal([] { Policy::parse("latency_budget(1s, 0)"); }),
              HasSubstr("policy.max_jobs is 0"));
}

TEST(PolicyTest, RefusesNumbersOfAnySizeByFieldAndRange) {
  for (const std::string number : {"10001", "4294967295", "4294967296", "18446744073709551616",
                                   "99999999999999999999999999999999999999"}) {
    EXPECT_THAT(refusal([&] { Policy::parse("fixed(" + number + ", 5ms)"); }),
                testing::AllOf(HasSubstr("policy.max_jobs is "), HasSubstr("expected 1 to 10000")))
        << number;
    EXPECT_THAT(refusal([&] { Policy::parse("fixed(10, " + number + "s)"); }),
                testing::AllOf(HasSubstr("policy.linger is "), HasSubstr("expected 0 to 1 h")))
        << number;
    EXPECT_THAT(refusal([&] { Policy::parse("latency_budget(" + number + "s)"); }),
                HasSubstr("policy.budget is "))
        << number;
  }
  for (const std::string number : {"-1", "1e3", "1.5", "nan", ""}) {
    EXPECT_THAT(refusal([&] { Policy::parse("realtime(" + number + ")"); }),
                HasSubstr("expected realtime"));
  }
}

TEST(PolicyTest, ShowsWhatItRefusesOnOneShortLine) {
  const std::string message =
      refusal([] { Policy::parse("a\nforged\x1b[31m" + std::string(900, '!')); });
  EXPECT_THAT(message, HasSubstr("policy is \"a?forged?[31m!!!"));
  EXPECT_LT(message.size(), 250u);
}

TEST(PolicyTest, RefusesFieldsOutOfRangeByName) {
  EXPECT_NO_THROW(fixed(10'000, 1h, 1024).validate());
  EXPECT_NO_THROW(fixed(1, 0ms, std::size_t{1} << 30).validate());
  EXPECT_THAT(refusal([] { realtime(0).validate(); }), HasSubstr("policy.max_jobs is 0"));
  EXPECT_THAT(refusal([] { realtime(10'001).validate(); }), HasSubstr("expected 1 to 10000"));
  EXPECT_THAT(refusal([] { fixed(1, 1ms, 1023).validate(); }), HasSubstr("policy.max_bytes"));
  EXPECT_THAT(refusal([] { fixed(1, 1ms, (std::size_t{1} << 30) + 1).validate(); }),
              HasSubstr("policy.max_bytes"));
  EXPECT_THAT(refusal([] { fixed(1, -1us).validate(); }), HasSubstr("policy.linger is -1 us"));
  EXPECT_THAT(refusal([] { fixed(1, 1h + 1us).validate(); }), HasSubstr("policy.linger"));
  Policy waits = realtime();
  waits.linger = 5ms;
  EXPECT_THAT(refusal([&] { waits.validate(); }), HasSubstr("use fixed"));
  Policy both = latency_budget(50ms);
  both.linger = 5ms;
  EXPECT_THAT(refusal([&] { both.validate(); }), HasSubstr("policy.linger is 5ms"));
  Policy realtime_with_budget = realtime();
  realtime_with_budget.budget = 5ms;
  EXPECT_THAT(refusal([&] { realtime_with_budget.validate(); }), HasSubstr("policy.budget is 5ms"));
}

TEST(PolicyTest, ShedsThePriorityItNamesAndLowerOnesOnly) {
  EXPECT_FALSE(latency_budget(50ms).sheds(Priority::low));
  const Policy low = latency_budget(50ms).shed(Priority::low);
  EXPECT_TRUE(low.sheds(Priority::low));
  EXPECT_FALSE(low.sheds(Priority::normal));
  const Policy normal = latency_budget(50ms).shed(Priority::normal);
  EXPECT_TRUE(normal.sheds(Priority::low));
  EXPECT_TRUE(normal.sheds(Priority::normal));
  EXPECT_FALSE(normal.sheds(Priority::high));
}

TEST(PolicyTest, RefusesToShedHighJobsOrWithoutABudget) {
  EXPECT_THAT(refusal([] { latency_budget(50ms).shed(Priority::high).validate(); }),
              HasSubstr("policy.shed is high: expected normal or low; high jobs are never shed"));
  EXPECT_THAT(refusal([] { Policy::parse("latency_budget(50ms, shed=high)"); }),
              HasSubstr("high jobs are never shed"));
  EXPECT_THAT(refusal([] { latency_budget(50ms).shed(static_cast<Priority>(3)).validate(); }),
              HasSubstr("policy.shed is no priority"));
  EXPECT_THAT(refusal([] { fixed(10, 5ms).shed(Priority::low).validate(); }),
              HasSubstr("unless the policy is latency_budget"));
}

TEST(PolicyTest, SpellsEveryReason) {
  EXPECT_EQ(to_string(LeaveReason::size), "size");
  for (std::size_t reason = 0; reason < leave_reason_count; ++reason) {
    EXPECT_NE(to_string(static_cast<LeaveReason>(reason)), "unknown");
  }
  EXPECT_EQ(to_string(static_cast<LeaveReason>(leave_reason_count)), "unknown");
  EXPECT_EQ(to_string(PolicyKind::fixed), "fixed");
  EXPECT_EQ(to_string(PolicyKind::latency_budget), "latency_budget");
}

}  // namespace
}  // namespace ferry
