// A kind under a latency budget, event by event. What the rule is worth is shown in
// tests/unit/plan/simulation_test.cpp.

#include <gmock/gmock.h>

#include <map>
#include <random>

#include "budget_fixture.hpp"

namespace ferry::detail {
namespace {

class BatcherBudgetTest : public BudgetFixture {
 protected:
  /// Holds that gain nobody would make it stop holding.
  static constexpr Duration reserve = 50ms * 5 / 100;
};

TEST_F(BatcherBudgetTest, IsRealtimeWhileItKnowsNothing) {
  make_budget(latency_budget(50ms));
  come(start);
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->reason, LeaveReason::idle);
}

TEST_F(BatcherBudgetTest, HoldsUntilTheLastMomentThatKeepsTheBudget) {
  make_budget(latency_budget(50ms));
  teach();
  come(start, 3ms);
  EXPECT_FALSE(batcher().next(start));
  const Time one = start - 3ms + 50ms - reserve - BudgetRule::timer_slack - time_of(1);
  ASSERT_TRUE(batcher().due());
  EXPECT_LE(*batcher().due(), one);
  EXPECT_GE(*batcher().due(), one - 2ms) << "not much earlier than it has to";
  for (int i = 0; i < 19; ++i) come(start + 1ms);
  const Time twenty = one + time_of(1) - time_of(20);
  EXPECT_LE(*batcher().due(), twenty) << "more jobs take longer";
  EXPECT_GE(*batcher().due(), twenty - 3ms);
  EXPECT_FALSE(batcher().next(*batcher().due() - 1ns));
  const auto departure = batcher().next(*batcher().due());
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs.size(), 20u);
  EXPECT_EQ(departure->reason, LeaveReason::deadline);
  EXPECT_FALSE(departure->late);
}

TEST_F(BatcherBudgetTest, CountsTheTimeItTakesToTellRedis) {
  make_budget(latency_budget(50ms));
  teach();
  come(start);
  const Time before = *batcher().due();
  batcher().set_settling(5ms);
  come(start);
  EXPECT_LE(*batcher().due(), before - 5ms);
}

TEST_F(BatcherBudgetTest, LeavesWhenItIsFull) {
  Policy policy = latency_budget(500ms, 3);
  policy.max_bytes = 1024;
  make_budget(policy);
  teach();
  come(start);
  come(start);
  EXPECT_FALSE(batcher().next(start));
  come(start);
  EXPECT_EQ(batcher().next(start)->reason, LeaveReason::size);
  batcher().arrive({0, "", {come_++, 0}, 1024, 1, Suspect::no, start});
  EXPECT_EQ(batcher().next(start)->reason, LeaveReason::bytes);
}

TEST_F(BatcherBudgetTest, LeavesByEarliestDeadlineAndTakesLooseJobsAlong) {
  make_budget(latency_budget(500ms));
  teach();
  std::vector<JobRef> loose;
  for (int i = 0; i < 100; ++i) loose.push_back(come(start));
  EXPECT_GT(*batcher().due(), start + 300ms);
  const JobRef urgent = come(start + 10ms, 0ms, 20ms);
  EXPECT_GT(*batcher().due(), start + 20ms) << "passengers make nobody leave earlier";
  EXPECT_LT(*batcher().due(), start + 30ms - time_of(1));
  batcher().flush();
  const auto departure = batcher().next(start + 10ms);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs.front(), urgent);
  EXPECT_GT(departure->jobs.size(), 20u) << "as many loose ones as its deadline allows";
  EXPECT_LT(time_of(departure->jobs.size()), 20ms);
  EXPECT_EQ(departure->jobs[1], loose[0]);
}

TEST_F(BatcherBudgetTest, TreatsWhatIsOldAsUrgentAndWhatIsFromTheFutureAsNew) {
  make_budget(latency_budget(50ms));
  teach();
  come(start, 24h);
  const auto old = batcher().next(start);
  ASSERT_TRUE(old);
  EXPECT_TRUE(old->late);
  EXPECT_EQ(old->reason, LeaveReason::backlog);
  come(start, 0ms);
  EXPECT_FALSE(batcher().next(start));
}

TEST_F(BatcherBudgetTest, StopsHoldingWhenNobodyJoinsAndTriesAgainSometimes) {
  make_budget(latency_budget(50ms));
  teach();
  std::map<LeaveReason, int> reasons;
  Time now = start;
  for (int i = 0; i < 300; ++i) {
    come(now);
    auto departure = batcher().next(now);
    if (!departure) {
      now = *batcher().due();
      departure = batcher().next(now);
    }
    ASSERT_TRUE(departure);
    ++reasons[departure->reason];
    batcher().runner_free(0, Suspect::no);
    now += 1ms;
  }
  EXPECT_GT(reasons[LeaveReason::no_gain], 250);
  EXPECT_GE(reasons[LeaveReason::deadline], 17) << "16 to learn it, then trials";
}

TEST_F(BatcherBudgetTest, LeavesEarlierWhenRunsGetSlower) {
  make_budget(latency_budget(50ms));
  teach();
  come(start);
  const Time before = *batcher().due();
  for (int i = 0; i < 3; ++i) report(10, 5 * time_of(10));
  EXPECT_FALSE(batcher().next(start));
  EXPECT_LT(*batcher().due(), before - 10ms);
}

TEST_F(BatcherBudgetTest, LeavesEarlierWhenJobsWereLate) {
  make_budget(latency_budget(50ms));
  teach();
  come(start);
  const Time before = *batcher().due();
  for (int i = 0; i < 3; ++i) report(10, time_of(10), 10);
  EXPECT_FALSE(batcher().next(start));
  EXPECT_LT(*batcher().due(), before - 10ms);
}

TEST_F(BatcherBudgetTest, LetsThoseGoFirstWhoCanStillMakeIt) {
  make_budget(latency_budget(50ms), 1);
  teach();
  for (int i = 0; i < 200; ++i) come(start);
  ASSERT_TRUE(batcher().next(start)) << "200 at once fill the budget";
  const JobRef first_of_the_old = come(start + 1ms);
  for (int i = 0; i < 99; ++i) come(start + 1ms);
  std::vector<JobRef> fresh;
  for (int i = 0; i < 100; ++i) fresh.push_back(come(start + 40ms));
  batcher().runner_free(0, Suspect::no);
  EXPECT_FALSE(batcher().next(start + 45ms)) << "a batch of late ones would make the others late";
  const auto departure = batcher().next(*batcher().due());
  ASSERT_TRUE(departure);
  EXPECT_FALSE(departure->late);
  EXPECT_EQ(departure->jobs.front(), fresh[0]);
  batcher().runner_free(0, Suspect::no);
  std::optional<Departure> late;
  while (!late || !late->late) {
    late = batcher().next(start + 95ms);
    ASSERT_TRUE(late) << "nothing accepted is ever lost";
    batcher().runner_free(0, Suspect::no);
  }
  EXPECT_EQ(late->reason, LeaveReason::backlog);
  EXPECT_THAT(late->jobs, testing::Contains(first_of_the_old));
}

TEST_F(BatcherBudgetTest, GivesLateJobsEverySixtyFourthTurn) {
  make_budget(latency_budget(50ms, 10), 1);
  teach();
  come(start, 1h);
  for (int i = 0; i < 1000; ++i) come(start);
  int before = 0;
  while (true) {
    const auto departure = batcher().next(start);
    ASSERT_TRUE(departure);
    batcher().runner_free(0, Suspect::no);
    if (departure->late) break;
    ++before;
  }
  EXPECT_EQ(before, 63);
}

TEST_F(BatcherBudgetTest, LetsExpiredJobsOutAtOnceToBeDropped) {
  make_budget(latency_budget(50ms, 10), 1);
  teach();
  for (int i = 0; i < 5; ++i) come(start, 60ms, 0ms, "", start + 5ms);
  for (int i = 0; i < 100; ++i) come(start);
  ASSERT_FALSE(batcher().next(start)->late);
  batcher().runner_free(0, Suspect::no);
  const auto departure = batcher().next(start + 6ms);
  ASSERT_TRUE(departure);
  EXPECT_TRUE(departure->late);
  EXPECT_EQ(departure->jobs.size(), 5u);
}

TEST_F(BatcherBudgetTest, StartsEarlierByTheUsualWaitForARunner) {
  make_budget(latency_budget(50ms), 1);
  teach();
  Time now = start;
  come(now);
  const Duration hold = *batcher().due() - now;
  for (int i = 0; i < 64; ++i) {
    come(now);
    now = std::max(now + 1us, *batcher().due() + 3ms);  // the runner comes 3 ms too late
    ASSERT_TRUE(batcher().next(now));
    batcher().runner_free(0, Suspect::no);
    come(now);
    come(now + 1us);
  }
  while (batcher().next(now + 1s)) batcher().runner_free(0, Suspect::no);
  come(now + 2s);
  EXPECT_LE(*batcher().due() - (now + 2s), hold - 3ms + 100us);
}

TEST_F(BatcherBudgetTest, KeepsBatchKeysAndPrioritiesApart) {
  make_budget(latency_budget(50ms));
  teach();
  come(start, 0ms, 0ms, "a");
  come(start, 0ms, 0ms, "b");
  come(start, 0ms, 0ms, "a");
  const Time due = *batcher().due();
  EXPECT_EQ(sizes(due + 2ms), (Sizes{2, 1}));
}

TEST_F(BatcherBudgetTest, LeavesOnFlushAndHoldsNothingAfterAStop) {
  make_budget(latency_budget(50ms));
  teach();
  come(start);
  batcher().flush();
  EXPECT_EQ(batcher().next(start)->reason, LeaveReason::flush);
  come(start);
  EXPECT_FALSE(batcher().next(start));
  batcher().flush(LeaveReason::stop);
  EXPECT_EQ(batcher().next(start)->reason, LeaveReason::stop);
  come(start);
  EXPECT_EQ(batcher().next(start)->reason, LeaveReason::stop);
}

/// Random events; every job must leave exactly once, and nothing that is due may stay.
TEST_F(BatcherBudgetTest, EveryJobLeavesExactlyOnceWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&](std::uint64_t below) {
      return static_cast<std::int64_t>(random() % below);
    };
    const auto runners = static_cast<std::size_t>(1 + pick(4));
    make_budget(latency_budget(50ms, static_cast<std::size_t>(1 + pick(60))), runners);
    if (pick(4) != 0) teach();
    Time now = start;
    std::map<std::uint64_t, bool> waiting;
    std::size_t running = 0;
    const auto take_all = [&] {
      while (const auto departure = batcher().next(now)) {
        ASSERT_LE(++running, runners);
        ASSERT_FALSE(departure->jobs.empty());
        for (const JobRef& job : departure->jobs) ASSERT_EQ(waiting.erase(job.token), 1u);
      }
      ASSERT_EQ(batcher().held_jobs(), waiting.size());
      if (const auto due = batcher().due()) {
        ASSERT_GT(*due, now);
      } else {
        ASSERT_TRUE(waiting.empty() || running == runners);
      }
    };
    for (int i = 0; i < 600 && !HasFailure(); ++i) {
      now += std::chrono::microseconds(pick(3000));
      const auto event = pick(10);
      if (event < 5) {
        const std::string key = pick(3) == 0 ? "k" + std::to_string(pick(3)) : "";
        const Duration own = pick(2) == 0 ? Duration{0} : Duration(1ms) * (1 + pick(500));
        const Time expires = pick(3) == 0 ? now + pick(40) * 1ms : Time::max();
        for (auto n = pick(30); n > 0; --n) {
          waiting[come(now, pick(5) == 0 ? pick(90) * 1ms : 0ms, own, key, expires).token] = true;
        }
      } else if (event < 9 && running > 0) {
        --running;
        batcher().runner_free(0, Suspect::no);
        const auto jobs = static_cast<std::size_t>(1 + pick(40));
        report(jobs, time_of(jobs) * (1 + pick(5)), pick(8) == 0 ? jobs : 0);
      } else if (pick(4) == 0) {
        batcher().flush();
      } else if (const auto due = batcher().due()) {
        now = std::max(now, *due);
      }
      take_all();
    }
    if (pick(2) == 0) {
      for (const JobRef& job : batcher().take_if([](const JobRef&) { return true; }))
        ASSERT_EQ(waiting.erase(job.token), 1u);
    } else {
      batcher().flush(LeaveReason::stop);
      take_all();
      for (; running > 0; --running) {
        batcher().runner_free(0, Suspect::no);
        while (batcher().next(now + 1h)) batcher().runner_free(0, Suspect::no);
      }
      waiting.clear();
    }
    EXPECT_TRUE(waiting.empty()) << "seed " << seed;
    EXPECT_EQ(batcher().held_jobs(), 0u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ferry::detail
