#include "compare/open_verdict.hpp"

#include <gmock/gmock.h>

namespace ferry::compare {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::vector<std::string> policies{"realtime", "fixed"};
constexpr double budget = 50'000;

/// Five repetitions that differ by a hundredth.
OpenRow row(const std::string& policy, double rate, double p99_ms, double worker_us) {
  OpenRow row;
  row.policy = policy;
  row.rate = rate;
  row.repetitions = 5;
  row.steady = true;
  row.p99 = {p99_ms * 1000, p99_ms * 990, p99_ms * 1010};
  row.worker_time = {worker_us, worker_us * 0.99, worker_us * 1.01};
  return row;
}

OpenRow unsteady(OpenRow row) {
  row.steady = false;
  return row;
}

TEST(OpenVerdictTest, SaysWhatABudgetSavesAndWhereItCostsNothing) {
  const auto verdict = open_verdict_of(
      {row("realtime", 100, 2, 1000), row("realtime", 900, 4, 1000), row("realtime", 1200, 8, 1000),
       row("fixed", 100, 8, 950), row("fixed", 900, 12, 940), row("fixed", 1200, 20, 290)},
      policies, budget);
  EXPECT_EQ(verdict.gain, Gain::large_gain);
  EXPECT_EQ(verdict.text,
            "Up to 900/s realtime costs nothing extra. At 1,200/s a 50 ms budget saves 71 % of "
            "worker time a job, with fixed.");
}

TEST(OpenVerdictTest, SaysWhoReachesFurther) {
  const auto verdict =
      open_verdict_of({row("realtime", 100, 2, 1000), unsteady(row("realtime", 200, 900, 1000)),
                       row("fixed", 100, 8, 980), row("fixed", 200, 12, 500)},
                      policies, budget);
  EXPECT_EQ(verdict.gain, Gain::large_gain);
  EXPECT_THAT(verdict.text,
              HasSubstr("realtime kept a p99 of 50 ms up to 100/s; fixed up to 200/s."));
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("No steady state at 200/s: realtime.")));
}

TEST(OpenVerdictTest, CallsATenthAGainAndLessNone) {
  const auto with = [](double worker_us) {
    return open_verdict_of({row("realtime", 100, 2, 1000), row("fixed", 100, 8, worker_us)},
                           policies, budget);
  };
  EXPECT_EQ(with(800).gain, Gain::gain);
  EXPECT_EQ(with(950).gain, Gain::none);
  EXPECT_THAT(with(950).text, HasSubstr("Take realtime"));
}

TEST(OpenVerdictTest, DoesNotCallOneRateFurtherAGain) {
  const auto verdict =
      open_verdict_of({row("realtime", 750, 2, 1000), unsteady(row("realtime", 900, 90, 1000)),
                       row("fixed", 750, 8, 990), row("fixed", 900, 12, 980)},
                      policies, budget);
  EXPECT_EQ(verdict.gain, Gain::none);
}

TEST(OpenVerdictTest, TakesNoSavingFromRangesThatMeetOrFromOutsideTheBudget) {
  OpenRow wide = row("fixed", 100, 8, 700);
  wide.worker_time.high = 995;
  EXPECT_EQ(open_verdict_of({row("realtime", 100, 2, 1000), wide}, policies, budget).gain,
            Gain::none);
  EXPECT_EQ(
      open_verdict_of({row("realtime", 100, 2, 1000), row("fixed", 100, 51, 100)}, policies, budget)
          .gain,
      Gain::none);
}

TEST(OpenVerdictTest, RefusesTooFewRepetitions) {
  std::vector<OpenRow> rows{row("realtime", 100, 2, 1000), row("fixed", 100, 8, 100)};
  rows[1].repetitions = 3;
  const auto verdict = open_verdict_of(rows, policies, budget);
  EXPECT_EQ(verdict.gain, Gain::unknown);
  EXPECT_EQ(verdict.text, "No verdict: underpowered, 3 of at least 5 repetitions.");
}

TEST(OpenVerdictTest, RefusesRatesAtWhichTheGeneratorLagged) {
  std::vector<OpenRow> rows{row("realtime", 100, 2, 1000), row("fixed", 100, 8, 990),
                            row("realtime", 200, 2, 1000), row("fixed", 200, 8, 100)};
  rows[2].lagged = true;
  const auto verdict = open_verdict_of(rows, policies, budget);
  EXPECT_EQ(verdict.gain, Gain::none);
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("The generator lagged at 200/s")));
  rows[0].lagged = true;
  EXPECT_EQ(open_verdict_of(rows, policies, budget).gain, Gain::unknown);
  EXPECT_THAT(open_verdict_of(rows, policies, budget).text, HasSubstr("lagged at every rate"));
}

TEST(OpenVerdictTest, RefusesRatesAtWhichTheBooksDoNotBalance) {
  std::vector<OpenRow> rows{row("realtime", 100, 2, 1000), row("fixed", 100, 8, 990),
                            row("realtime", 200, 2, 1000), row("fixed", 200, 8, 100)};
  rows[3].unbalanced = true;
  const auto verdict = open_verdict_of(rows, policies, budget);
  EXPECT_EQ(verdict.gain, Gain::none) << "the large saving at 200/s does not count";
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("books of a run at 200/s do not balance")));
  EXPECT_THAT(verdict.notes, Not(Contains(HasSubstr("lagged"))));
  EXPECT_EQ(dominated_rows(rows)[3], std::nullopt);
  EXPECT_NE(knee_row(rows, 200), 3U);
  rows[0].unbalanced = true;
  EXPECT_THAT(open_verdict_of(rows, policies, budget).text,
              HasSubstr("No verdict: every rate is refused one"));
}

TEST(OpenVerdictTest, SaysWhenNobodyKeepsTheBudget) {
  const auto verdict = open_verdict_of({row("realtime", 100, 60, 1000), row("fixed", 100, 80, 100)},
                                       policies, budget);
  EXPECT_EQ(verdict.gain, Gain::none);
  EXPECT_THAT(verdict.text, HasSubstr("No policy kept a p99 of 50 ms at any rate"));
}

TEST(OpenVerdictTest, HoldsOnePolicyAgainstNothing) {
  EXPECT_THAT(open_verdict_of({row("realtime", 100, 2, 1000)}, {"realtime"}, budget).text,
              HasSubstr("nothing to be held against"));
  EXPECT_THAT(open_verdict_of({}, policies, budget).text, HasSubstr("No verdict"));
}

TEST(DominatedRowsTest, HoldsRowsOfOneRateAgainstEachOtherAndPassesOverUnsteadyOnes) {
  const std::vector<OpenRow> rows{row("realtime", 100, 2, 1000), row("fixed", 100, 3, 1100),
                                  row("realtime", 200, 9, 2000), unsteady(row("fixed", 200, 1, 1))};
  EXPECT_THAT(dominated_rows(rows), ElementsAre(std::optional(false), std::optional(true),
                                                std::optional(false), std::nullopt));
  EXPECT_FALSE(knee_row(rows, 100).has_value());
}

}  // namespace
}  // namespace ferry::compare
