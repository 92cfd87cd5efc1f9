#include "load/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "load/lag.hpp"

namespace ferry::load {
namespace {

using namespace std::chrono_literals;

std::size_t between(const Schedule& schedule, std::chrono::nanoseconds from,
                    std::chrono::nanoseconds to) {
  return static_cast<std::size_t>(
      std::ranges::count_if(schedule, [&](auto at) { return at >= from && at < to; }));
}

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

TEST(ScheduleTest, ARampHasAQuarterOfItsJobsInItsFirstHalf) {
  const auto stretches = stretches_of(Shape::ramp, 1000, 10s);
  EXPECT_DOUBLE_EQ(jobs_in(stretches), 5000);
  const Schedule even = all_of(arrivals_of(stretches, false, 0));
  ASSERT_EQ(even.size(), 5000U);
  EXPECT_TRUE(std::ranges::is_sorted(even));
  EXPECT_EQ(between(even, 0s, 5s), 1250U);
  EXPECT_LT(even.back(), 10s);
}

TEST(ScheduleTest, AStepGoesUpInFourParts) {
  const Schedule schedule = all_of(arrivals_of(Shape::step, 10'000, 8s, 3));
  for (int part = 0; part < 4; ++part) {
    EXPECT_NEAR(static_cast<double>(between(schedule, part * 2s, (part + 1) * 2s)),
                5000 * (part + 1), 500);
  }
}

TEST(ScheduleTest, ASpikeIsTenfoldInTheMiddleFifth) {
  const Schedule schedule = all_of(arrivals_of(Shape::spike, 10'000, 10s, 3));
  EXPECT_NEAR(static_cast<double>(between(schedule, 4s, 6s)), 20'000, 600);
  EXPECT_NEAR(static_cast<double>(between(schedule, 0s, 4s)), 4'000, 300);
  EXPECT_NEAR(static_cast<double>(between(schedule, 6s, 10s)), 4'000, 300);
}

TEST(ScheduleTest, ASoakComesAndGoesSlowly) {
  const Schedule schedule = all_of(arrivals_of(Shape::soak, 1000, 100s, 3));
  EXPECT_NEAR(static_cast<double>(between(schedule, 0s, 5s)), 2500, 300);
  EXPECT_NEAR(static_cast<double>(between(schedule, 50s, 55s)), 5000, 300);
  EXPECT_NEAR(static_cast<double>(between(schedule, 95s, 100s)), 2500, 300);
}

TEST(ScheduleTest, StaysAtItsEnd) {
  const Arrivals arrivals = arrivals_of(Shape::constant, 100, 10ms, 0);
  EXPECT_EQ(arrivals(), 0ns);
  EXPECT_FALSE(arrivals().has_value());
  EXPECT_FALSE(arrivals().has_value());
}

TEST(ScheduleTest, KnowsItsShapesByName) {
  for (std::size_t i = 0; i < shape_count; ++i) {
    const auto shape = static_cast<Shape>(i);
    EXPECT_EQ(parse_shape(to_string(shape)), shape);
  }
  EXPECT_FALSE(parse_shape("square").has_value());
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
}  // namespace ferry::load
