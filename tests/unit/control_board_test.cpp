#include "control_board.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

Control answer(bool keeper, bool paused = false) {
  Control control;
  control.answered = true;
  control.keeper = keeper;
  control.paused = paused;
  return control;
}

TEST(ControlBoardTest, SaysOnceThatAQueueIsKeptNow) {
  ControlBoard board(2);
  EXPECT_FALSE(board.update({answer(false), answer(false)}, Time{}).keeps_more);
  EXPECT_TRUE(board.update({answer(false), answer(true)}, Time{}).keeps_more);
  EXPECT_FALSE(board.update({answer(false), answer(true)}, Time{}).keeps_more);
  EXPECT_FALSE(board.update({Control{}, Control{}}, Time{}).keeps_more) << "not asked, so no news";
  EXPECT_TRUE(board.keeps(1));
  EXPECT_FALSE(board.update({answer(false), answer(false)}, Time{}).keeps_more);
  EXPECT_TRUE(board.update({answer(true), answer(false)}, Time{}).keeps_more);
}

TEST(ControlBoardTest, SaysOnceThatAQueueIsPausedNow) {
  ControlBoard board(2);
  EXPECT_EQ(board.update({answer(false, true), answer(false)}, Time{}).paused,
            std::vector<std::uint32_t>{0});
  EXPECT_TRUE(board.update({answer(false, true), Control{}}, Time{}).paused.empty());
  EXPECT_TRUE(board.is_paused(0));
}

}  // namespace
}  // namespace ferry::detail
