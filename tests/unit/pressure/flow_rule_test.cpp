#include "pressure/flow_rule.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "pressure/kind_pace.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

KindLoad slow(std::size_t ready, std::size_t running, std::chrono::nanoseconds per_job = 50ms,
              std::size_t allowed = 4) {
  return {ready, 0, running, allowed, 1, false, per_job, per_job, false};
}

KindLoad limited(std::size_t ready, std::size_t running) {
  KindLoad load = slow(ready, running, 5ms, 1);
  load.limited = true;
  return load;
}

FlowState flow(std::vector<KindLoad> loads, std::size_t handlers = 4) {
  return flow_of(loads, handlers);
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
  KindLoad fast{10'000, 0, 4, 4, 1, false, 200us, 2us, true};
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
  KindLoad batches{150, 0, 4, 4, 100, false, 40ms, 2ms, false};
  EXPECT_EQ(flow({batches}).start_delay, (2 * 40ms + 40ms) / 4);
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

}  // namespace
}  // namespace ferry::detail
