// Which late jobs go back to Redis for a while, and which never do. What that is worth is shown in
// tests/unit/plan/simulation_test.cpp.

#include <gmock/gmock.h>

#include "budget_fixture.hpp"

namespace ferry::detail {
namespace {

class BatcherPostponedTest : public BudgetFixture {
 protected:
  /// A runner is taken.
  std::optional<Departure> first_postponed() {
    std::optional<Departure> departure;
    do {
      batcher().runner_free(0, Suspect::no);
      departure = batcher().next(start);
    } while (departure && departure->postponed_for == 0ms);
    return departure;
  }

  void all_leave_and_nobody_is_postponed() {
    while (const auto departure = batcher().next(start)) {
      EXPECT_EQ(departure->postponed_for, 0ms);
      batcher().runner_free(0, Suspect::no);
    }
    EXPECT_EQ(batcher().held_jobs(), 0u);
  }
};

TEST_F(BatcherPostponedTest, PostponesTheLastOfTooManyLateJobsWithoutWaitingForTheirTurn) {
  make_budget(latency_budget(50ms, 10), 2);  // some 500 may stay: 100 ms of work
  teach();
  std::vector<JobRef> old;
  for (int i = 0; i < 20; ++i) old.push_back(come(start, 1h));
  come(start);
  ASSERT_TRUE(batcher().next(start));
  ASSERT_TRUE(batcher().next(start)) << "both runners are taken";
  for (int i = 0; i < 800; ++i) old.push_back(come(start, 1h));
  const auto departure = first_postponed();
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->postponed_for, Postponement::least);
  EXPECT_THAT(departure->jobs, testing::Contains(old.back()));
  EXPECT_THAT(departure->jobs, testing::Not(testing::Contains(old.front())));
}

TEST_F(BatcherPostponedTest, PostponesNobodyBeforeItKnowsHowLongTheyTake) {
  make_budget(latency_budget(50ms, 10), 1);
  for (int i = 0; i < 400; ++i) come(start, 1h);
  all_leave_and_nobody_is_postponed();
}

TEST_F(BatcherPostponedTest, PostponesNobodyWhoExpiresMeanwhile) {
  make_budget(latency_budget(50ms, 10), 1);
  teach();
  for (int i = 0; i < 400; ++i) come(start, 1h, 0ms, "", start + 200ms);
  all_leave_and_nobody_is_postponed();
}

TEST_F(BatcherPostponedTest, PostponesLowPrioritiesFirst) {
  make_budget(latency_budget(50ms, 10), 1);
  teach();
  for (int i = 0; i < 300; ++i) {
    const JobRef job{come_++, 0};
    const auto priority = static_cast<std::uint8_t>(i < 150 ? 2 : 0);
    batcher().arrive({0, "", job, 100, priority, Suspect::no, start, 1, 1h});
  }
  ASSERT_TRUE(batcher().next(start));
  const auto departure = first_postponed();
  ASSERT_TRUE(departure);
  for (const JobRef& job : departure->jobs) EXPECT_LT(job.token, 150u);
}

}  // namespace
}  // namespace ferry::detail
