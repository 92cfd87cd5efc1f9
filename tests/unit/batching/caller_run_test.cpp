#include "batching/caller_run.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

class CallerRunTest : public testing::Test {
 protected:
  int taken_over = 0;
  bool succeeds = true;
  CallerRun run{[this] {
    if (succeeds) ++taken_over;
    return succeeds;
  }};
  const Time start{1h};
};

TEST_F(CallerRunTest, LeavesTheFetchingWithAQuickHandler) {
  EXPECT_EQ(run.begin(start), start + CallerRun::patience);
  EXPECT_TRUE(run.end());
  run.look(start + CallerRun::patience);
  EXPECT_EQ(taken_over, 0);
}

TEST_F(CallerRunTest, GoesOnLookingUntilNoRunBeganBetweenTwoLooks) {
  const Time look = run.begin(start);
  run.end();
  const auto again = run.look(look);
  ASSERT_EQ(again, look + CallerRun::patience);
  EXPECT_EQ(run.look(*again), std::nullopt);
}

TEST_F(CallerRunTest, HasTheFetchingTakenOverOnceWhenTheHandlerIsSlow) {
  const Time look = run.begin(start);
  EXPECT_EQ(run.look(look), std::nullopt);
  EXPECT_EQ(taken_over, 1);
  EXPECT_EQ(run.look(look + 1s), std::nullopt);
  EXPECT_EQ(taken_over, 1);
  EXPECT_FALSE(run.end());
}

TEST_F(CallerRunTest, LooksAgainAtAHandlerThatBeganAfterTheOneItWasSetFor) {
  const Time look = run.begin(start);
  EXPECT_TRUE(run.end());
  run.begin(start + 1ms);
  EXPECT_EQ(run.look(look), look + 1ms);
  EXPECT_EQ(taken_over, 0);
  EXPECT_EQ(run.look(look + 1ms), std::nullopt);
  EXPECT_EQ(taken_over, 1);
}

TEST_F(CallerRunTest, TriesAgainWhenNobodyCouldTakeOver) {
  const Time look = run.begin(start);
  succeeds = false;
  const auto again = run.look(look);
  ASSERT_EQ(again, look + CallerRun::patience);
  succeeds = true;
  EXPECT_EQ(run.look(*again), std::nullopt);
  EXPECT_FALSE(run.end());
}

TEST_F(CallerRunTest, StaysWithTheCallerWhenItEndsBeforeAnybodyCouldTakeOver) {
  succeeds = false;
  run.look(run.begin(start));
  EXPECT_TRUE(run.end());
}

}  // namespace
}  // namespace ferry::detail
