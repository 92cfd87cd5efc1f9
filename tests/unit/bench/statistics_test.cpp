#include "bench/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace ferry::bench {
namespace {

using Values = std::vector<double>;

TEST(MannWhitneyTest, CompleteSeparationOfFiveAndFiveIsTwoIn252) {
  EXPECT_NEAR(mann_whitney_p(Values{1, 2, 3, 4, 5}, Values{6, 7, 8, 9, 10}), 2.0 / 252, 1e-12);
  EXPECT_NEAR(mann_whitney_p(Values{6, 7, 8, 9, 10}, Values{1, 2, 3, 4, 5}), 2.0 / 252, 1e-12);
}

TEST(MannWhitneyTest, CompleteSeparationOfSevenAndSevenIsTwoIn3432) {
  EXPECT_NEAR(mann_whitney_p(Values{1, 2, 3, 4, 5, 6, 7}, Values{8, 9, 10, 11, 12, 13, 14}),
              2.0 / 3432, 1e-12);
}

TEST(MannWhitneyTest, CountsTheRankSumsOfTheTables) {
  // U = 1 of 3 and 4: 2 of 35 rank sums at each end. U = 2 of 5 and 5: 4 of 252.
  EXPECT_NEAR(mann_whitney_p(Values{1, 2, 4}, Values{3, 5, 6, 7}), 4.0 / 35, 1e-12);
  EXPECT_NEAR(mann_whitney_p(Values{1, 2, 3, 4, 7}, Values{5, 6, 8, 9, 10}), 8.0 / 252, 1e-12);
}

TEST(MannWhitneyTest, IsOneForTheMiddleAndForEqualValues) {
  EXPECT_DOUBLE_EQ(mann_whitney_p(Values{1, 4}, Values{2, 3}), 1.0);
  EXPECT_DOUBLE_EQ(mann_whitney_p(Values{5, 5, 5}, Values{5, 5, 5, 5}), 1.0);
  EXPECT_DOUBLE_EQ(mann_whitney_p({}, Values{1}), 1.0);
}

TEST(MannWhitneyTest, CountsTiesLikeTryingAllChoices) {
  const Values a{1, 2, 2, 3, 5};
  const Values b{2, 3, 4, 4, 5, 6};
  // All ways to choose 5 of the 11 ranks, the long way.
  Values all = a;
  all.insert(all.end(), b.begin(), b.end());
  const auto rank = [&](double value) {
    const auto below = std::ranges::count_if(all, [&](double other) { return other < value; });
    const auto equal = std::ranges::count(all, value);
    return static_cast<double>(below) + static_cast<double>(equal + 1) / 2;
  };
  const double mean = 5.0 * 12 / 2;
  double seen = 0;
  for (const double value : a) seen += rank(value);
  int choices = 0;
  int as_far = 0;
  std::vector<int> chosen(all.size(), 0);
  std::fill(chosen.end() - 5, chosen.end(), 1);
  do {
    double sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) sum += chosen[i] == 1 ? rank(all[i]) : 0;
    ++choices;
    if (std::abs(sum - mean) >= std::abs(seen - mean)) ++as_far;
  } while (std::next_permutation(chosen.begin(), chosen.end()));
  ASSERT_EQ(choices, 462);
  EXPECT_NEAR(mann_whitney_p(a, b), static_cast<double>(as_far) / choices, 1e-12);
}

TEST(HolmTest, MultipliesTheSmallestMostAndNeverTurnsTheOrder) {
  const auto adjusted = holm(Values{0.01, 0.04, 0.03, 0.005});
  EXPECT_NEAR(adjusted[0], 0.03, 1e-12);
  EXPECT_NEAR(adjusted[1], 0.06, 1e-12);
  EXPECT_NEAR(adjusted[2], 0.06, 1e-12);
  EXPECT_NEAR(adjusted[3], 0.02, 1e-12);
  EXPECT_EQ(holm(Values{0.7, 0.9}), (Values{1.0, 1.0}));
  EXPECT_TRUE(holm({}).empty());
}

TEST(MedianTest, IsTheMiddleOrTheMeanOfTheTwo) {
  EXPECT_DOUBLE_EQ(median(Values{3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median(Values{4, 1, 2, 3}), 2.5);
}

TEST(QuotientTest, LeavesOutTwoQuotientsAtEachEndOfFiveAndFive) {
  // At 95 % the table of U gives 2 for 5 and 5, so the third of the 25 quotients is the bound.
  const Values a{1, 1, 1, 1, 1};
  const Values b{1, 2, 3, 4, 5};
  const auto result = quotient(a, b, 0.95);
  EXPECT_NEAR(result.low, 1, 1e-12);
  EXPECT_NEAR(result.estimate, 3, 1e-12);
  EXPECT_NEAR(result.high, 5, 1e-12);
  // The quotients 1..25 in steps of their own show which ones are the bounds.
  const Values wide{std::exp(0.0), std::exp(-5.0), std::exp(-10.0), std::exp(-15.0),
                    std::exp(-20.0)};
  const Values fine{std::exp(1.0), std::exp(2.0), std::exp(3.0), std::exp(4.0), std::exp(5.0)};
  const auto bounds = quotient(wide, fine, 0.95);
  EXPECT_NEAR(std::log(bounds.low), 3, 1e-9);
  EXPECT_NEAR(std::log(bounds.estimate), 13, 1e-9);
  EXPECT_NEAR(std::log(bounds.high), 23, 1e-9);
}

TEST(QuotientTest, KnowsNoBoundsFromThreeRuns) {
  const auto result = quotient(Values{1, 2, 3}, Values{1, 2, 3}, 0.95);
  EXPECT_EQ(result.low, 0);
  EXPECT_TRUE(std::isinf(result.high));
}

TEST(QuantileTest, IsTheSmallestValueThatSoManyDoNotExceed) {
  Values values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 50);
  EXPECT_DOUBLE_EQ(quantile(values, 0.99), 99);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 100);
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(Values{7}, 0.99), 7);
  EXPECT_DOUBLE_EQ(quantile({}, 0.5), 0);
}

TEST(VerdictTest, NeedsBothAShownAndALargeDifference) {
  EXPECT_EQ(judge({1.08, 1.10, 1.12}, 0.01, 0.05, true, 7), Verdict::better);
  EXPECT_EQ(judge({1.08, 1.10, 1.12}, 0.01, 0.05, false, 7), Verdict::worse);
  EXPECT_EQ(judge({0.88, 0.90, 0.92}, 0.01, 0.05, true, 7), Verdict::worse);
  EXPECT_EQ(judge({0.88, 0.90, 0.92}, 0.20, 0.05, true, 7), Verdict::underpowered);
  EXPECT_EQ(judge({1.01, 1.02, 1.03}, 0.01, 0.05, true, 7), Verdict::same);
}

TEST(VerdictTest, CallsOnlyWhatIsKnownToBeNearTheSame) {
  EXPECT_EQ(judge({0.97, 1.00, 1.03}, 1.0, 0.05, true, 7), Verdict::same);
  EXPECT_EQ(judge({0.90, 1.00, 1.10}, 1.0, 0.05, true, 7), Verdict::underpowered);
}

TEST(VerdictTest, RefusesFewerThanFiveRuns) {
  EXPECT_EQ(judge({0.49, 0.50, 0.51}, 0.001, 0.05, true, 4), Verdict::underpowered);
}

}  // namespace
}  // namespace ferry::bench
