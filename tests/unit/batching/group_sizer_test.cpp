#include "batching/group_sizer.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

/// Lets groups of the size in force run, each job for so long.
void run(GroupSizer& sizer, std::chrono::nanoseconds job, int groups) {
  for (int i = 0; i < groups; ++i) {
    sizer.observe(sizer.jobs(), job * static_cast<std::int64_t>(sizer.jobs()));
  }
}

TEST(GroupSizerTest, StartsWithOneJobAndAtMostDoubles) {
  GroupSizer sizer;
  EXPECT_EQ(sizer.jobs(), 1u);
  for (const std::size_t expected : {2u, 4u, 8u}) {
    run(sizer, 1us, 1);
    EXPECT_EQ(sizer.jobs(), expected);
  }
}

TEST(GroupSizerTest, FindsTheSizeThatTakesTwoHundredMicroseconds) {
  GroupSizer sizer;
  run(sizer, 4us, 20);
  EXPECT_EQ(sizer.jobs(), 50u);
}

TEST(GroupSizerTest, StopsAtItsLargestSizeHoweverShortTheJobs) {
  GroupSizer sizer;
  run(sizer, 0ns, 20);
  EXPECT_EQ(sizer.jobs(), GroupSizer::max_jobs);
}

TEST(GroupSizerTest, KeepsSlowJobsAlone) {
  GroupSizer sizer;
  run(sizer, 5ms, 20);
  EXPECT_EQ(sizer.jobs(), 1u);
}

TEST(GroupSizerTest, ShrinksAtOnceWhenJobsBecomeSlow) {
  GroupSizer sizer;
  run(sizer, 500ns, 40);
  ASSERT_EQ(sizer.jobs(), GroupSizer::max_jobs);
  run(sizer, 1ms, 1);
  EXPECT_EQ(sizer.jobs(), 1u);
}

TEST(GroupSizerTest, BelievesSlowerJobsSooner) {
  GroupSizer sizer;
  run(sizer, 1us, 40);
  ASSERT_EQ(sizer.jobs(), 200u);
  run(sizer, 10us, 1);
  EXPECT_LE(sizer.jobs(), 40u) << "20 is right for the slow ones";
}

TEST(GroupSizerTest, GrowsAgainAfterOneSlowRun) {
  GroupSizer sizer;
  run(sizer, 1us, 40);
  const std::size_t before = sizer.jobs();
  run(sizer, 100us, 1);
  ASSERT_LT(sizer.jobs(), before);
  run(sizer, 1us, 60);
  EXPECT_GE(sizer.jobs(), before - 10);
}

TEST(GroupSizerTest, SaysHowManyJobsEndWithinATime) {
  GroupSizer sizer;
  EXPECT_EQ(sizer.jobs_within(1h), 1u) << "nothing is known yet";
  run(sizer, 500us, 20);
  EXPECT_EQ(sizer.jobs_within(10ms), 20u);
  EXPECT_EQ(sizer.jobs_within(1us), 1u);
}

TEST(GroupSizerTest, PassesOverADepartureWithoutJobs) {
  GroupSizer sizer;
  sizer.observe(0, 1s);
  run(sizer, 1us, 1);
  EXPECT_EQ(sizer.jobs(), 2u);
}

}  // namespace
}  // namespace ferry::detail
