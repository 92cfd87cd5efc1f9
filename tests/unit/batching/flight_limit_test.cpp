#include "batching/flight_limit.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr Time start = Time{} + 1h;

/// Settles at a steady rate for a while, asking each millisecond. Returns: the last limit.
std::size_t settle(FlightLimit& limit, Time& now, std::size_t jobs_per_ms, Time::duration span) {
  std::size_t last = 0;
  for (const Time end = now + span; now < end; now += 1ms) {
    limit.on_settled(jobs_per_ms, now);
    last = limit.limit(now);
  }
  return last;
}

TEST(FlightLimitTest, StartsAtTwoBatchesForEachHandler) {
  EXPECT_EQ(FlightLimit(4, 100, 10'000).limit(start), 800u);
  EXPECT_EQ(FlightLimit(2, 1, 10'000).limit(start), 16u) << "the floor";
  EXPECT_EQ(FlightLimit(8, 500, 1000).limit(start), 1000u) << "the worker's own limit wins";
}

TEST(FlightLimitTest, SettlesAtTwiceWhatLeftInTheLastFifthOfASecond) {
  FlightLimit limit(2, 1, 100'000);
  Time now = start;
  const std::size_t held = settle(limit, now, 10, 1s);
  EXPECT_GE(held, 2u * 10u * 180u);
  EXPECT_LE(held, 2u * 10u * 200u);
}

TEST(FlightLimitTest, DoublesAtMostOnceInAStep) {
  FlightLimit limit(2, 1, 1'000'000);
  Time now = start;
  std::size_t before = limit.limit(now);
  for (int i = 0; i < 12; ++i) {
    const std::size_t after = settle(limit, now, 100'000, 20ms);
    EXPECT_LE(after, 2 * before);
    EXPECT_GT(after, before);
    before = after;
  }
  EXPECT_EQ(before, 16u << 12);
}

TEST(FlightLimitTest, FallsBackToTheLeastWhenNothingLeaves) {
  FlightLimit limit(2, 1, 100'000);
  Time now = start;
  ASSERT_GT(settle(limit, now, 100, 500ms), 1000u);
  EXPECT_EQ(limit.limit(now + 200ms), 16u);
}

TEST(FlightLimitTest, FollowsAHandlerThatBecomesSlow) {
  FlightLimit limit(2, 1, 100'000);
  Time now = start;
  const std::size_t fast = settle(limit, now, 100, 500ms);
  const std::size_t slow = settle(limit, now, 1, 300ms);
  EXPECT_GT(fast, 30'000u);
  EXPECT_LE(slow, 400u);
}

TEST(FlightLimitTest, NeverExceedsTheWorkersLimit) {
  FlightLimit limit(2, 1, 5000);
  Time now = start;
  EXPECT_EQ(settle(limit, now, 10'000, 1s), 5000u);
}

TEST(FlightLimitTest, AFetchIsWorthAMillisecondOfCredits) {
  FlightLimit limit(4, 1, 100'000);
  Time now{std::chrono::seconds{1}};
  EXPECT_EQ(limit.worth_a_fetch(now), 1u) << "nothing settled: every credit is worth it";
  limit.on_settled(200, now);
  EXPECT_EQ(limit.worth_a_fetch(now), 1u) << "one each millisecond";
  for (int i = 0; i < 20; ++i) {
    now += FlightLimit::step;
    limit.on_settled(2000, now);
    limit.limit(now);
  }
  EXPECT_EQ(limit.worth_a_fetch(now), 100u);
}

TEST(FlightLimitTest, AFetchIsWorthAQuarterOfTheLimitAtMost) {
  FlightLimit limit(4, 1, 100);
  const Time now{std::chrono::seconds{1}};
  limit.on_settled(1'000'000, now);
  EXPECT_LE(limit.worth_a_fetch(now), 25u);
  EXPECT_GE(limit.worth_a_fetch(now), 1u);
}

}  // namespace
}  // namespace ferry::detail
