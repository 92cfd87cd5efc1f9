#include "compare/little.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace ferry::compare {
namespace {

std::vector<Sample> samples_of(const std::function<double(double)>& jobs, double seconds = 3) {
  std::vector<Sample> samples;
  for (double at = 0; at < seconds; at += 0.004) samples.push_back({at, jobs(at)});
  return samples;
}

TEST(LittleTest, HoldsWithinFivePercent) {
  const auto samples = samples_of([](double at) { return 10 + std::sin(at * 200); });
  EXPECT_EQ(check_little(samples, 1000, 0.01).result, Little::holds);
  EXPECT_EQ(check_little(samples, 1000, 0.0104).result, Little::holds);
  EXPECT_NEAR(check_little(samples, 1000, 0.01).sampled, 10, 0.1);
}

TEST(LittleTest, IsBrokenWhenTheTimesAreNotThoseOfTheJobs) {
  const auto samples = samples_of([](double at) { return 10 + std::sin(at * 200); });
  EXPECT_EQ(check_little(samples, 1000, 0.012).result, Little::broken);
  EXPECT_EQ(check_little(samples, 800, 0.01).result, Little::broken);
}

TEST(LittleTest, AllowsForWhenRedisCounts) {
  const auto samples = samples_of([](double at) { return 10 + std::sin(at * 200); });
  EXPECT_EQ(check_little(samples, 1000, 0.011, 0.001).result, Little::unknown);
  EXPECT_EQ(check_little(samples, 1000, 0.0115, 0.0001).result, Little::broken);
}

TEST(LittleTest, SaysNothingOfLessThanAHundredJobs) {
  const auto samples = samples_of([](double) { return 1; });
  EXPECT_EQ(check_little(samples, 32, 1.0 / 32).result, Little::unknown);
  EXPECT_EQ(check_little(samples, 40, 1.0 / 40).result, Little::holds);
}

TEST(LittleTest, CannotTellFromFewOrWildSamples) {
  EXPECT_EQ(check_little({}, 1000, 0.01).result, Little::unknown);
  const auto wild = samples_of([](double at) { return std::sin(at) > 0.6 ? 60.0 : 0.0; });
  const LittleCheck check = check_little(wild, 1000, 0.03);
  EXPECT_EQ(check.result, Little::unknown);
  EXPECT_GT(check.doubt, 1);
}

TEST(LittleTest, WeighsSamplesByTheTimeBetweenThem) {
  std::vector<Sample> samples;
  for (double at = 0; at < 1; at += 0.001) samples.push_back({at, 0});
  for (double at = 1; at < 3; at += 0.02) samples.push_back({at, 30});
  EXPECT_NEAR(check_little(samples, 1000, 0.02).sampled, 20, 0.3);
}

TEST(SteadyTest, SeesJobsThatPileUp) {
  EXPECT_TRUE(grew(samples_of([](double at) { return 100 * at; }), 3, 3000));
  EXPECT_FALSE(grew(samples_of([](double) { return 500; }), 3, 3000));
  EXPECT_FALSE(grew(samples_of([](double at) { return at < 0.3 ? 0 : 40; }), 3, 3000))
      << "a start is no growth";
  EXPECT_FALSE(grew(samples_of([](double at) { return 3 * at; }), 3, 100)) << "chance";
}

}  // namespace
}  // namespace ferry::compare
