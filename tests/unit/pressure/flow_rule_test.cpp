#include "pressure/flow_rule.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "pressure/kind_pace.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

KindLoad slow(std::size_t ready, std::size_t running, std::chrono::nanoseconds per_job = 50ms,
              std::size_t allowed = 4) {
  return {.ready = ready,
          .lanes = 1,
          .running = running,
          .allowed = allowed,
          .per_run = per_job,
          .per_job = per_job,
          .fast = false};
}

KindLoad limited(std::size_t ready, std::size_t running) {
  KindLoad load = slow(ready, running, 5ms, 1);
  load.limited = true;
  return load;
}

FlowState flow(std::vector<KindLoad> loads, std::size_t handlers = 4, const MeanPace& mean = {}) {
  return flow_of(loads, handlers, mean);
}

/// What was seen when each of `runs` had so many jobs.
MeanPace seen(int runs, std::size_t jobs, std::size_t fit, std::chrono::nanoseconds took) {
  MeanPace mean;
  for (int i = 0; i < runs; ++i) mean.observe(jobs, fit, took, {});
  return mean;
}

TEST(FlowRuleTest, AnIdleWorkerStartsAJobAtOnce) {
  EXPECT_EQ(flow({}).start_delay, 0ms);
  EXPECT_EQ(flow({slow(0, 0)}).start_delay, 0ms);
  EXPECT_EQ(flow({slow(0, 3)}).start_delay, 0ms) << "one of four handlers is free";
}

TEST(FlowRuleTest, ABusyWorkerStartsAJobWhenTheNextHandlerComesFree) {
  EXPECT_EQ(flow({slow(0, 4, 40ms)}).start_delay, 10ms);
  EXPECT_EQ(flow({slow(4, 4, 40ms)}).start_delay, 50ms);
  EXPECT_EQ(flow({slow(0, 1, 40ms)}, 1).start_delay, 40ms);
}

TEST(FlowRuleTest, FastKindsNeverKeepFromFetching) {
  const KindLoad fast{
      .ready = 10'000, .lanes = 1, .running = 4, .allowed = 4, .per_run = 200us, .per_job = 2us};
  EXPECT_EQ(flow({fast}).start_delay, 0ms);
  EXPECT_TRUE(flow({fast}).all_fast);
  EXPECT_FALSE(flow({fast, slow(1, 0)}).all_fast);
  EXPECT_TRUE(flow({fast, slow(0, 0)}).all_fast) << "it has no job here";
}

TEST(FlowRuleTest, WhatWaitsForCompanyIsNotInHand) {
  KindLoad held = slow(0, 0);
  held.held = 900;
  EXPECT_EQ(flow({held}).not_in_hand, 900u);
  EXPECT_EQ(flow({held}).start_delay, 0ms);
}

TEST(FlowRuleTest, AKindAtItsOwnLimitKeepsNobodyFromFetching) {
  const FlowState state = flow({limited(10'000, 1), slow(0, 0)});
  EXPECT_EQ(state.start_delay, 0ms);
  EXPECT_EQ(state.not_in_hand, 9'999u) << "one is for the handler that comes free next";
}

TEST(FlowRuleTest, BatchesThatWaitCountByRunsAndNotByJobs) {
  const KindLoad batches{.ready = 150,
                         .lanes = 1,
                         .running = 4,
                         .allowed = 4,
                         .batch = 100,
                         .per_run = 40ms,
                         .per_job = 2ms,
                         .fast = false};
  EXPECT_EQ(flow({batches}).start_delay, (2 * 40ms + 40ms) / 4);
}

TEST(FlowRuleTest, JobsOfManyBatchKeysAreAsManyRuns) {
  KindLoad keyed{.ready = 26,
                 .lanes = 26,
                 .running = 3,
                 .allowed = 3,
                 .batch = 20,
                 .per_run = 55ms,
                 .per_job = 55ms,
                 .fast = false};
  EXPECT_EQ(keyed.runs(), 26u);
  EXPECT_EQ(flow({keyed}, 3).start_delay, (2 * 55ms + 55ms) / 3)
      << "others of their keys join them";
  keyed.lanes = 5;
  EXPECT_EQ(keyed.runs(), 5u);
  EXPECT_EQ(keyed.jobs_of_run(), 5u);
  keyed.ready = 200;
  EXPECT_EQ(keyed.runs(), 10u) << "full ones";
}

TEST(FlowRuleTest, OfALimitedKindWithKeysOnlyTheNextRunIsInHand) {
  const KindLoad keyed{.ready = 100,
                       .lanes = 50,
                       .running = 1,
                       .allowed = 1,
                       .batch = 20,
                       .limited = true,
                       .per_run = 55ms,
                       .per_job = 25ms,
                       .fast = false};
  EXPECT_EQ(flow({keyed}).not_in_hand, 98u) << "a run is of two";
}

TEST(FlowRuleTest, AFetchBringsWhatTheHandlersCanBeginSoon) {
  EXPECT_EQ(flow({}, 5).at_once, 5u) << "nothing ran yet";
  EXPECT_EQ(flow({}, 5, seen(3, 1, 1, 55ms)).at_once, 5u);
  EXPECT_EQ(flow({}, 4, seen(3, 1, 1, 2ms)).at_once, 20u);
  EXPECT_EQ(flow({}, 4, seen(3, 10, 50, 55ms)).at_once, 200u)
      << "full runs, where they may be full";
  EXPECT_EQ(flow({}, 4, seen(3, 100, 1, 1ms)).at_once, SIZE_MAX) << "fast";
}

TEST(FlowRuleTest, AFewSlowJobsAmongManyFastOnesDoNotSlowTheFetches) {
  MeanPace mean = seen(100, 100, 100, 1ms);
  mean.observe(1, 1, 50ms, {});
  EXPECT_EQ(flow({}, 4, mean).at_once, SIZE_MAX);
}

TEST(FlowRuleTest, AWorkerThatHoldsMoreThanItCanDoInTimeIsAhead) {
  const MeanPace slow_ones = seen(3, 1, 1, 55ms);
  KindLoad held{.held = 4,
                .held_lanes = 4,
                .allowed = 4,
                .batch = 20,
                .per_run = 55ms,
                .per_job = 55ms,
                .fast = false,
                .linger = 50ms};
  EXPECT_FALSE(flow({held}, 4, slow_ones).is_ahead) << "one run of each handler";
  held.held = held.held_lanes = 8;
  EXPECT_TRUE(flow({held}, 4, slow_ones).is_ahead);
  held.linger = 30s;
  EXPECT_FALSE(flow({held}, 4, slow_ones).is_ahead);
  held.linger = 50ms;
  held.held_lanes = 1;
  EXPECT_FALSE(flow({held}, 4, slow_ones).is_ahead) << "they are one run";
}

TEST(FlowRuleTest, BatchesByKeyGrowWhileAllHandlersAreBusy) {
  const MeanPace slow_ones = seen(3, 1, 1, 50ms);
  KindLoad keyed = slow(20, 4);
  keyed.lanes = 10;
  keyed.batch = 20;
  EXPECT_FALSE(flow({keyed}, 4, slow_ones).may_fetch)
      << "without keys others may begin them sooner";
  keyed.grows = true;
  const FlowState state = flow({keyed}, 4, slow_ones);
  EXPECT_TRUE(state.may_fetch);
  EXPECT_TRUE(state.is_ahead) << "but others first";
  EXPECT_EQ(state.at_once, 4u);
  EXPECT_EQ(state.not_in_hand, 12u) << "all but the next runs";
}

TEST(FlowRuleTest, KeepsWhatALimitedKindDoesInASecond) {
  EXPECT_EQ(most_kept(limited(0, 1), 10'000), 200u);
  EXPECT_EQ(most_kept(limited(0, 1), 100), 100u);
  KindLoad hours = limited(0, 1);
  hours.per_job = 1h;
  EXPECT_EQ(most_kept(hours, 10'000), 16u);
  KindLoad batches = limited(0, 1);
  batches.batch = 500;
  EXPECT_EQ(most_kept(batches, 10'000), 1'000u) << "two runs";
}

TEST(KindPaceTest, AKindThatHasNotRunIsTakenForASlowOne) {
  KindPace pace;
  EXPECT_FALSE(pace.known());
  EXPECT_FALSE(pace.is_fast());
  EXPECT_EQ(pace.per_job(), KindPace::unknown);
  pace.observe(10, 1ms);
  EXPECT_EQ(pace.per_run(), 1ms);
  EXPECT_EQ(pace.per_job(), 100us);
  EXPECT_TRUE(pace.is_fast());
  pace.observe(0, 1h);
  EXPECT_EQ(pace.per_run(), 1ms) << "a run of no job tells nothing";
}

TEST(KindPaceTest, SlowerRunsAreBelievedSooner) {
  KindPace pace;
  pace.observe(1, 1ms);
  pace.observe(1, 9ms);
  EXPECT_EQ(pace.per_job(), 5ms);
  pace.observe(1, 1ms);
  EXPECT_EQ(pace.per_job(), 4500us);
}

TEST(FlowRuleTest, WhatIsSetAsideDoesNotCountForAFetch) {
  StayingShare stays;
  EXPECT_EQ(stays.share(), 1);
  for (int i = 0; i < 100; ++i) stays.came(1, false);
  EXPECT_LT(stays.share(), 0.01);
  EXPECT_GE(flow_of({}, 4, seen(3, 1, 1, 5ms), stays.share()).at_once, 800u);
  for (int i = 0; i < 50; ++i) stays.came(1, true);
  EXPECT_GT(stays.share(), 0.9);
}

TEST(MeanPaceTest, ForgetsInSeconds) {
  MeanPace mean;
  EXPECT_EQ(mean.per_job(), KindPace::unknown);
  const MeanPace::Time start{};
  mean.observe(1000, 1, 1ms, start);
  mean.observe(1, 1, 50ms, start + 1s);
  EXPECT_LT(mean.per_job(), 1ms);
  mean.observe(1, 1, 50ms, start + 20s);
  EXPECT_GT(mean.per_job(), 40ms);
}

}  // namespace
}  // namespace ferry::detail
