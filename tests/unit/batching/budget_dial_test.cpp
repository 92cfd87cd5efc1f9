#include "batching/budget_dial.hpp"

#include <gtest/gtest.h>

#include <random>

#include "batching/hold_gain.hpp"
#include "batching/start_delay.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

class BudgetDialTest : public testing::Test {
 protected:
  /// A batch of the moment: it started after whatever was changed before.
  void see(std::size_t jobs, std::size_t late, std::size_t batches = 1) {
    for (std::size_t i = 0; i < batches; ++i) {
      now_ += 1ms;
      dial_.observe(jobs, late, now_, now_);
    }
  }
  void turn_up() { see(30, 0, 20 * 20); }

  BudgetDial dial_;
  Time now_ = Time{} + 1h;
};

TEST_F(BudgetDialTest, StartsAsRealtimeAndGoesUpByStepsToItsHighest) {
  EXPECT_EQ(dial_.value(), 0);
  see(30, 0, 19);
  EXPECT_EQ(dial_.value(), 0) << "570 jobs, but 19 batches";
  see(30, 0);
  EXPECT_DOUBLE_EQ(dial_.value(), 0.1);
  see(1, 0, 299);
  EXPECT_DOUBLE_EQ(dial_.value(), 0.1) << "299 batches, but 299 jobs";
  see(1, 0);
  EXPECT_DOUBLE_EQ(dial_.value(), 0.2);
  turn_up();
  EXPECT_DOUBLE_EQ(dial_.value(), 0.95);
}

TEST_F(BudgetDialTest, GoesDownWhenThreeBatchesAreLate) {
  turn_up();
  see(20, 20);
  see(20, 20);
  EXPECT_DOUBLE_EQ(dial_.value(), 0.95) << "two may be one pause of the machine";
  see(20, 20);
  EXPECT_DOUBLE_EQ(dial_.value(), 0.95 * 0.7);
}

TEST_F(BudgetDialTest, DoesNotMindASingleLateJob) {
  turn_up();
  for (int i = 0; i < 200; ++i) {
    see(1, 1);
    see(1, 0, 199);
  }
  EXPECT_DOUBLE_EQ(dial_.value(), 0.95) << "one of 200 is half of what is allowed";
}

TEST_F(BudgetDialTest, StaysWhereAboutAsManyAreLateAsMayBe) {
  turn_up();
  std::mt19937_64 random(7);
  double least = 1;
  for (int i = 0; i < 5000; ++i) {
    see(1, random() % 1000 < 8 ? 1 : 0);
    least = std::min(least, dial_.value());
  }
  EXPECT_GE(least, 0.6) << "0.8 % by chance is no reason to fall and fall";
}

TEST_F(BudgetDialTest, FindsTheValueThatKeepsTheBudget) {
  std::mt19937_64 random(3);
  std::size_t jobs = 0;
  std::size_t late = 0;
  for (int i = 0; i < 60'000; ++i) {
    // More and more are late from 0.5 on.
    const double share = dial_.value() <= 0.5 ? 0.001 : (dial_.value() - 0.5) * 0.2;
    const std::size_t late_now = static_cast<double>(random() % 100'000) < share * 1e5 ? 3 : 0;
    see(5, late_now);
    if (i > 10'000) jobs += 5, late += late_now;
  }
  EXPECT_GT(dial_.value(), 0.3);
  EXPECT_LT(static_cast<double>(late) / static_cast<double>(jobs), 0.01);
}

TEST_F(BudgetDialTest, IgnoresBatchesThatLeftUnderAnotherValue) {
  turn_up();
  const Time before = now_;
  see(20, 20, 3);
  const double cut = dial_.value();
  for (int i = 0; i < 50; ++i) dial_.observe(20, 20, before, now_ + 1ms);
  EXPECT_EQ(dial_.value(), cut);
}

TEST_F(BudgetDialTest, NeverLeavesItsRange) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t jobs = random() % 50;
    see(jobs, jobs == 0 || i / 1000 % 2 == 0 ? 0 : random() % (jobs + 1));
    ASSERT_GE(dial_.value(), 0);
    ASSERT_LE(dial_.value(), BudgetDial::highest);
  }
}

TEST(HoldGainTest, GivesUpAfterHoldsThatGainNobodyAndTriesNowAndThen) {
  HoldGain gain;
  int holds = 0;
  for (int i = 0; i < 2000; ++i) {
    if (gain.expected()) {
      gain.held(false);
      ++holds;
    } else {
      gain.not_held();
    }
  }
  EXPECT_GT(holds, 18);
  EXPECT_LT(holds, 32);
}

TEST(HoldGainTest, GoesOnAfterATrialThatGainedSomebody) {
  HoldGain gain;
  while (gain.expected()) gain.held(false);
  while (!gain.expected()) gain.not_held();
  gain.held(true);
  for (int i = 0; i < 14; ++i) {
    EXPECT_TRUE(gain.expected());
    gain.held(false);
  }
}

TEST(HoldGainTest, HoldsOnWhereOneInFiveGains) {
  HoldGain gain;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(gain.expected());
    gain.held(i % 5 == 0);
  }
}

TEST(StartDelayTest, ReservesForDelaysThatComeAgainAndForgetsThem) {
  StartDelay delay;
  for (int i = 0; i < 64; ++i) delay.observe(i < 2 ? 20ms : 0ms);
  EXPECT_EQ(delay.usual(), 0ns) << "two are chance";
  for (int i = 0; i < 64; ++i) delay.observe(i % 10 == 0 ? 8ms : -1ms);
  EXPECT_EQ(delay.usual(), 8ms);
  for (int i = 0; i < 64; ++i) delay.observe(0ms);
  EXPECT_EQ(delay.usual(), 0ns);
}

}  // namespace
}  // namespace ferry::detail
