#include "batching/short_runs.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

ShortRuns after(int quick_runs) {
  ShortRuns runs;
  for (int i = 0; i < quick_runs; ++i) runs.observe(10us);
  return runs;
}

TEST(ShortRunsTest, ExpectsNothingShortBeforeItHasSeenEnough) {
  EXPECT_FALSE(ShortRuns{}.expected());
  EXPECT_FALSE(after(62).expected());
  EXPECT_TRUE(after(63).expected());
}

TEST(ShortRunsTest, ForgivesOneLongRunButNotTwo) {
  ShortRuns runs = after(64);
  runs.observe(ShortRuns::longest + 1ns);
  EXPECT_TRUE(runs.expected());
  runs.observe(ShortRuns::longest);
  EXPECT_TRUE(runs.expected());
  runs.observe(1s);
  EXPECT_FALSE(runs.expected());
}

TEST(ShortRunsTest, ForgetsALongRunAfter64) {
  ShortRuns runs = after(64);
  runs.observe(1s);
  runs.observe(1s);
  for (int i = 0; i < 62; ++i) runs.observe(1us);
  EXPECT_FALSE(runs.expected());
  runs.observe(1us);
  EXPECT_TRUE(runs.expected());
}

}  // namespace
}  // namespace ferry::detail
