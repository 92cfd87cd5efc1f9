#include "objectives/burn_rate.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

class BurnRateTest : public testing::Test {
 protected:
  /// So many seconds with a hundred jobs each. Returns: after how many the state changed first, or
  /// -1.
  int pass(int seconds, std::uint64_t late) {
    const bool before = burn_.burns(now_);
    int changed = -1;
    for (int i = 0; i < seconds; ++i) {
      now_ += 1s;
      burn_.record(now_, 100, late);
      if (burn_.burns(now_) != before && changed < 0) changed = i + 1;
    }
    return changed;
  }

  BurnRate::Time now_{1000s};
  BurnRate burn_{0.99};
};

TEST_F(BurnRateTest, IsTheShareOfLateJobsOverTheAllowedOne) {
  pass(300, 2);
  EXPECT_NEAR(burn_.over(300s, now_), 2, 1e-9);
  EXPECT_NEAR(burn_.over(3600s, now_), 2, 1e-9);
}

TEST_F(BurnRateTest, NeverBurnsWhileTheAllowanceLasts) {
  EXPECT_EQ(pass(7200, 1), -1);
  EXPECT_FALSE(burn_.burns(now_));
}

TEST_F(BurnRateTest, BeginsOnceBothWindowsAreHighAndEndsSoonAfterTheTrouble) {
  pass(3600, 0);
  // All jobs late: a burn rate of 100. The hour reaches 14.4 after 14.4 % of it.
  const int begins = pass(900, 100);
  EXPECT_NEAR(begins, 0.144 * 3600, 15);
  // The hour stays above; the five minutes are below it when at most 14.4 % of them are left.
  const int ends = pass(900, 0);
  EXPECT_NEAR(ends, 300 * (1 - 0.144), 15);
  EXPECT_GT(burn_.over(3600s, now_), 0);
}

TEST_F(BurnRateTest, ABurstThatTheHourBearsIsNoAlarm) {
  pass(3600, 0);
  EXPECT_EQ(pass(120, 100), -1);
  EXPECT_GE(burn_.over(300s, now_), BurnRate::threshold);
}

TEST_F(BurnRateTest, EndsWhenNoJobsComeAtAll) {
  pass(120, 100);
  EXPECT_TRUE(burn_.burns(now_));
  now_ += 301s;
  EXPECT_FALSE(burn_.burns(now_));
  EXPECT_GT(burn_.over(3600s, now_), 0);
  now_ += 3600s;
  EXPECT_EQ(burn_.over(3600s, now_), 0);
}

TEST_F(BurnRateTest, AHandfulOfJobsIsNoAlarm) {
  burn_.record(now_, BurnRate::least_jobs - 1, BurnRate::least_jobs - 1);
  EXPECT_FALSE(burn_.burns(now_));
  burn_.record(now_, 1, 1);
  EXPECT_TRUE(burn_.burns(now_));
}

}  // namespace
}  // namespace ferry::detail
