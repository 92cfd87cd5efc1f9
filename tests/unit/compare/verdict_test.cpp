#include "compare/verdict.hpp"

#include <gmock/gmock.h>

namespace ferry::compare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// Runs of 1000 jobs at the given jobs a second, one for each repetition.
void add(std::vector<RunReport>& runs, const std::string& policy, std::vector<double> paces) {
  for (std::size_t i = 0; i < paces.size(); ++i) {
    RunReport run;
    run.policy = policy;
    run.repetition = i + 1;
    run.jobs = 1000;
    run.seconds = 1000 / paces[i];
    runs.push_back(run);
  }
}

TEST(VerdictTest, NamesTheMeasuredFactorAndItsRange) {
  std::vector<RunReport> runs;
  add(runs, "realtime", {100, 100, 100, 110, 90});
  add(runs, "fixed(100, 5ms)", {800, 810, 820, 880, 630});
  EXPECT_EQ(verdict_of(runs, {"realtime", "fixed(100, 5ms)"}),
            "fixed(100, 5ms) did 8.0 times the jobs/s of realtime (range 7.0 to 8.2 over 5 "
            "repetitions).");
}

TEST(VerdictTest, HoldsEachRunAgainstTheBaselineOfItsOwnRepetition) {
  std::vector<RunReport> runs;
  add(runs, "realtime", {100, 200, 300, 400, 500});
  add(runs, "fixed(10, 5ms)", {200, 400, 600, 800, 1000});
  const auto contests = contests_of(runs, {"realtime", "fixed(10, 5ms)"});
  ASSERT_EQ(contests.size(), 1U);
  EXPECT_DOUBLE_EQ(contests[0].factor.low, 2);
  EXPECT_DOUBLE_EQ(contests[0].factor.high, 2);
  EXPECT_FALSE(contests[0].clear) << "the ranges 100..500 and 200..1000 overlap";
}

TEST(VerdictTest, SeesNoClearDifferenceWhereRangesOverlap) {
  std::vector<RunReport> runs;
  add(runs, "realtime", {100, 101, 102, 103, 130});
  add(runs, "fixed(10, 5ms)", {129, 150, 150, 150, 150});
  EXPECT_THAT(verdict_of(runs, {"realtime", "fixed(10, 5ms)"}),
              AllOf(StartsWith("No clear difference"), HasSubstr("fixed(10, 5ms)"),
                    Not(HasSubstr("times"))));
}

TEST(VerdictTest, SaysSoWhenBatchingIsClearlySlower) {
  std::vector<RunReport> runs;
  add(runs, "realtime", {100, 100, 100, 100, 100});
  add(runs, "fixed(10, 5ms)", {50, 50, 50, 50, 50});
  EXPECT_EQ(verdict_of(runs, {"realtime", "fixed(10, 5ms)"}),
            "No policy did clearly more jobs/s than realtime: fixed(10, 5ms) did 0.50 times the "
            "jobs/s of realtime (range 0.50 to 0.50 over 5 repetitions).");
}

TEST(VerdictTest, NamesWhoIsLevelWithTheBest) {
  std::vector<RunReport> runs;
  add(runs, "realtime", {100, 100, 100, 100, 100});
  add(runs, "fixed(100, 5ms)", {300, 301, 302, 303, 304});
  add(runs, "fixed(500, 20ms)", {299, 300, 300, 302, 303});
  EXPECT_THAT(verdict_of(runs, {"realtime", "fixed(100, 5ms)", "fixed(500, 20ms)"}),
              AllOf(StartsWith("fixed(100, 5ms) did 3.0 times"),
                    HasSubstr("fixed(500, 20ms) is not clearly slower.")));
}

TEST(VerdictTest, GivesNoneForFewerThanFiveRepetitions) {
  std::vector<RunReport> runs;
  add(runs, "realtime", {100, 100, 100, 100});
  add(runs, "fixed(100, 5ms)", {800, 800, 800, 800});
  EXPECT_EQ(verdict_of(runs, {"realtime", "fixed(100, 5ms)"}),
            "No verdict: underpowered, 4 of at least 5 repetitions.");
}

TEST(VerdictTest, GivesNoneForOnePolicy) {
  std::vector<RunReport> runs;
  add(runs, "realtime", {100, 100, 100, 100, 100});
  EXPECT_THAT(verdict_of(runs, {"realtime"}), StartsWith("No verdict"));
}

}  // namespace
}  // namespace ferry::compare
