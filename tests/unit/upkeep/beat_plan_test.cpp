#include "upkeep/beat_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr Time start{1h};

TEST(BeatPlanTest, LeavesThreeTriesInALeaseToAJobThatComesRightAfterARenewal) {
  for (const std::size_t queues : {1, 64, 65, 256, 1000}) {
    for (const milliseconds lease : {200ms, 500ms, 1000ms, 2000ms, 3000ms, 60'000ms, 3'600'000ms}) {
      const BeatPlan plan(queues, lease);
      const auto third = plan.idle_period() + 2 * plan.period();
      EXPECT_LT(third, lease) << queues << " queues, lease " << lease.count();
      EXPECT_LE(plan.period(), 500ms);
      EXPECT_LE(plan.idle_period(), queues > 64 ? 1500ms : plan.period());
      EXPECT_GE(plan.idle_period(), plan.period());
    }
  }
}

TEST(BeatPlanTest, RenewsEveryQueueInEachTurnWhereThereAreFew) {
  BeatPlan plan(64, 3000ms);
  for (std::size_t queue = 0; queue < 64; ++queue) plan.renewed(queue, start);
  const auto due = plan.due(std::vector<bool>(64), start + 1ms);
  EXPECT_EQ(std::ranges::count(due, true), 64);
}

TEST(BeatPlanTest, RenewsIdleQueuesInEveryThirdTurnWhereThereAreMany) {
  BeatPlan plan(256, 3000ms);
  std::vector<bool> held(256);
  held[7] = true;
  int renewals = 0;
  int of_the_held_one = 0;
  for (int turn = 0; turn < 21; ++turn) {
    const Time now = start + turn * 503ms;
    const auto due = plan.due(held, now);
    for (std::size_t queue = 0; queue < due.size(); ++queue) {
      if (due[queue]) plan.renewed(queue, now);
    }
    renewals += static_cast<int>(std::ranges::count(due, true));
    of_the_held_one += due[7] ? 1 : 0;
  }
  EXPECT_EQ(of_the_held_one, 21);
  EXPECT_EQ(renewals - of_the_held_one, 7 * 255);
}

TEST(BeatPlanTest, TriesAgainInTheNextTurnWhatWasNotRenewed) {
  BeatPlan plan(256, 3000ms);
  const std::vector<bool> nothing(256);
  EXPECT_EQ(std::ranges::count(plan.due(nothing, start), true), 256);
  plan.renewed(3, start);
  const auto due = plan.due(nothing, start + 500ms);
  EXPECT_EQ(std::ranges::count(due, true), 255);
  EXPECT_FALSE(due[3]);
}

}  // namespace
}  // namespace ferry::detail
