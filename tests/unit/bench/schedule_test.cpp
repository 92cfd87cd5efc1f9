#include "bench/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ferry::bench {
namespace {

using namespace std::chrono_literals;

TEST(ScheduleTest, AnEvenOneHasEqualGapsAndBeginsAtOnce) {
  EXPECT_EQ(even_schedule(200, 20ms), (Schedule{0ms, 5ms, 10ms, 15ms}));
}

TEST(ScheduleTest, ARandomOneIsInOrderAndOffersTheRateItWasAskedFor) {
  const Schedule schedule = random_schedule(10'000, 10s, 1);
  EXPECT_NEAR(static_cast<double>(schedule.size()), 100'000, 1000) << "three deviations are 950";
  EXPECT_TRUE(std::ranges::is_sorted(schedule));
  EXPECT_LT(schedule.back(), 10s);
  // Independent arrivals: a part of 1 - 1/e of the gaps is shorter than the mean gap.
  std::size_t shorter = 0;
  for (std::size_t i = 1; i < schedule.size(); ++i) {
    shorter += schedule[i] - schedule[i - 1] < 100us ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(shorter) / static_cast<double>(schedule.size()), 0.632, 0.01);
}

TEST(ScheduleTest, ARandomOneIsTheSameForTheSameSeed) {
  EXPECT_EQ(random_schedule(1000, 1s, 7), random_schedule(1000, 1s, 7));
  EXPECT_NE(random_schedule(1000, 1s, 7), random_schedule(1000, 1s, 8));
}

TEST(QuantileTest, IsTheSmallestValueThatSoManyDoNotExceed) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 50);
  EXPECT_DOUBLE_EQ(quantile(values, 0.99), 99);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 100);
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(std::vector<double>{7}, 0.99), 7);
  EXPECT_DOUBLE_EQ(quantile({}, 0.5), 0);
}

TEST(LagTest, IsTooMuchWhenMoreThanOneInTwentyIsMoreThanTenMillisecondsLate) {
  Lag lag;
  for (int i = 0; i < 95; ++i) lag.record(10ms);
  for (int i = 0; i < 5; ++i) lag.record(11ms);
  EXPECT_EQ(lag.late, 5U);
  EXPECT_FALSE(lag.too_much());
  lag.record(1s);
  EXPECT_TRUE(lag.too_much());
  EXPECT_EQ(lag.worst, 1s);
}

TEST(LagTest, IsNotTooMuchBeforeAnythingIsSent) { EXPECT_FALSE(Lag{}.too_much()); }

}  // namespace
}  // namespace ferry::bench
