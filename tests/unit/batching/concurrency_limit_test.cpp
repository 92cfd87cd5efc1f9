#include "batching/concurrency_limit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "shared_resource.hpp"

namespace ferry::detail {
namespace {

constexpr std::size_t most = 16;
constexpr std::uint64_t seeds = 5;

double undisturbed(std::size_t) { return 1; }
double hard_knee(std::size_t running) { return std::max(1.0, static_cast<double>(running) / 4); }
double collapse(std::size_t running) { return std::pow(hard_knee(running), 1.5); }
double cliff(std::size_t running) { return running <= 4 ? 1 : 5; }
double slow_degradation(std::size_t running) {
  return 1 + 2 * std::pow(static_cast<double>(running) / most, 2);
}
double five_times(std::size_t) { return 5; }

double best_fixed(const SharedResource::Slower& slower) {
  double best = 0;
  for (std::size_t limit = 1; limit <= most; ++limit) {
    SharedResource resource(most, 99);
    best = std::max(best, resource.run(8000, slower, limit));
  }
  return best;
}

void expect_near_the_best(const SharedResource::Slower& slower) {
  const double best = best_fixed(slower);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SharedResource resource(most, seed);
    resource.run(6000, slower);
    EXPECT_GT(resource.run(20'000, slower), 0.95 * best) << "seed " << seed;
  }
}

/// After so many run times for each of the handlers there may be, in all.
void expect_near_the_best_after(const SharedResource::Slower& before,
                                const SharedResource::Slower& after, std::size_t run_times) {
  const double best = best_fixed(after);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SharedResource resource(most, seed);
    resource.run(20'000, before);
    resource.run(run_times * most, after);
    EXPECT_GT(resource.run(4000, after), 0.9 * best) << "seed " << seed;
  }
}

TEST(ConcurrencyLimitTest, BeginsAtTheMost) {
  EXPECT_EQ(ConcurrencyLimit(8).limit(), 8u);
  EXPECT_EQ(ConcurrencyLimit(8).now(), 8u);
}

TEST(ConcurrencyLimitTest, CostsNothingWhereHandlersDoNotDisturbEachOther) {
  expect_near_the_best(undisturbed);
}

TEST(ConcurrencyLimitTest, FindsAsManyAsAHardKneeServes) { expect_near_the_best(hard_knee); }

TEST(ConcurrencyLimitTest, FindsTheBestUnderSlowDegradation) {
  expect_near_the_best(slow_degradation);
}

TEST(ConcurrencyLimitTest, LeavesWhatGetsLessDoneTheMoreAsk) {
  expect_near_the_best(collapse);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SharedResource resource(most, seed);
    resource.run(6000, collapse);
    EXPECT_LE(resource.limit().limit(), 5u) << "seed " << seed;
  }
}

TEST(ConcurrencyLimitTest, ComesDownSoonAfterACollapse) {
  expect_near_the_best_after(undisturbed, collapse, 100);
  expect_near_the_best_after(undisturbed, cliff, 200);
}

TEST(ConcurrencyLimitTest, ComesBackAfterARecovery) {
  expect_near_the_best_after(collapse, undisturbed, 300);
}

TEST(ConcurrencyLimitTest, ComesBackWhenEverythingHasBecomeSlowWhateverTheNumber) {
  expect_near_the_best_after(undisturbed, five_times, 200);
}

TEST(ConcurrencyLimitTest, LearnsNothingWhileThereIsTooLittleToDo) {
  ConcurrencyLimit limit(8);
  for (int i = 0; i < 10'000; ++i) {
    const auto ticket = limit.begin(7);
    EXPECT_EQ(ticket, 0u);
    limit.end(ticket, 1, std::chrono::milliseconds(i % 100));
  }
  EXPECT_EQ(limit.now(), 8u);
}

TEST(ConcurrencyLimitTest, OfOneStaysOne) {
  ConcurrencyLimit limit(1);
  for (int i = 0; i < 1000; ++i) {
    limit.end(limit.begin(1), 1, std::chrono::milliseconds(i < 500 ? 1 : 10));
    ASSERT_EQ(limit.now(), 1u);
  }
}

}  // namespace
}  // namespace ferry::detail
