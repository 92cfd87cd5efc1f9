#include "cli/parts/plan_text.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "cli/parts/growth.hpp"

namespace ferry::cli {
namespace {

using ::testing::HasSubstr;

TEST(GrowthTest, ReadsYearsAndMonths) {
  EXPECT_DOUBLE_EQ(parse_growth("30%/year").value(), 0.3);
  EXPECT_DOUBLE_EQ(parse_growth("-5%").value(), -0.05);
  EXPECT_NEAR(parse_growth("1%/month").value(), 0.126825, 1e-6);
  for (const char* wrong : {"", "30", "0.3/year", "30%/week", "-100%", "%", "nan%"}) {
    EXPECT_FALSE(parse_growth(wrong)) << wrong;
  }
  EXPECT_DOUBLE_EQ(parse_years("2y").value(), 2);
  EXPECT_DOUBLE_EQ(parse_years("18mo").value(), 1.5);
  EXPECT_DOUBLE_EQ(parse_years("0").value(), 0);
  for (const char* wrong : {"", "2", "-1y", "2m", "y"}) EXPECT_FALSE(parse_years(wrong)) << wrong;
}

/// A bill of 71, 9, 5, 15 and 0 EUR.
plan::Plan small_plan() {
  plan::Plan plan;
  plan.now.per_second = 1000;
  plan.now.workers = 1000;
  plan.now.fleet_settings = {.workers = 1000, .partitions = 100, .servers = 2};
  const double prices[] = {71, 9, 5, 15, 0};
  for (int i = 0; i < 5; ++i) {
    plan.now.bill.lines.push_back({static_cast<plan::LineKind>(i), 0.5, prices[i]});
  }
  return plan;
}

TEST(PlanTextTest, SaysTheLargestLineAndItsCheapestLeverInWords) {
  plan::Plan plan = small_plan();
  plan.levers = {{"a budget of 80 ms instead of 50 ms", 0.24, 17.04}};
  plan::Rates rates;
  rates.currency = "EUR";
  EXPECT_EQ(lever_text(plan, rates),
            "worker CPU is 71 % of the price; a budget of 80 ms instead of 50 ms saves 24 % of it, "
            "EUR 17.04 a month of the whole.");
  plan.levers.clear();
  EXPECT_THAT(lever_text(plan, rates), HasSubstr("no lever known here"));
}

TEST(PlanTextTest, SaysWhereTheFirstBottleneckLies) {
  plan::Plan plan = small_plan();
  plan.now.limits = {.handlers = 900'000, .servers = 100'000, .first = {"Redis CPU", 100'000}};
  plan.now.fleet.done_per_second = 1000;
  EXPECT_THAT(bottleneck_text(plan.now),
              HasSubstr("With 1,000 workers, 100 partitions and 2 Redis servers the first "
                        "bottleneck is a Redis server's one core, at 100 k jobs/s"));
  plan.now.fleet.done_per_second = 700;
  EXPECT_THAT(bottleneck_text(plan.now), HasSubstr("falls behind: it does 700/s"));
}

TEST(PlanTextTest, WritesLatenciesWithTheirUnit) {
  EXPECT_EQ(latency_text(0.25), "250 µs");
  EXPECT_EQ(latency_text(4.2), "4.20 ms");
  EXPECT_EQ(latency_text(12'000), "12.0 s");
  EXPECT_EQ(latency_text(std::numeric_limits<double>::infinity()), "never");
}

}  // namespace
}  // namespace ferry::cli
