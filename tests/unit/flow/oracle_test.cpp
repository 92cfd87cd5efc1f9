#include "flow/oracle/oracle.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "flow/mix/generate.hpp"
#include "flow/mix/schedule.hpp"
#include "flow/score/idle.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

OracleKind per_job(Moment takes, std::size_t concurrency = 0, std::uint32_t queue = 0) {
  return {realtime(), true, concurrency, queue, 0ms, takes};
}
OracleKind batched(Policy policy, Moment call_takes = 1ms, Moment job_takes = 0ms) {
  return {policy, false, 0, 0, call_takes, job_takes};
}

TracedJob job(std::uint32_t kind, Moment ready, std::uint32_t key = 0, std::uint8_t priority = 1) {
  return {kind, key, priority, ready, no_call};
}

/// When each job began; those that did not, never.
std::vector<Moment> begins(const Trace& trace) {
  std::vector<Moment> begins;
  for (const TracedJob& one : trace.jobs) {
    begins.push_back(one.call == no_call ? Moment::max() : trace.calls[one.call].begin);
  }
  return begins;
}

using Begins = std::vector<Moment>;

TEST(FlowOracleTest, RunsJobsOneByOneAsHandlersComeFree) {
  const OracleSettings settings{{per_job(5ms)}, {2}};
  const Trace trace = run_oracle(settings, {job(0, 0ms), job(0, 0ms), job(0, 1ms), job(0, 30ms)});
  EXPECT_EQ(begins(trace), (Begins{0ms, 0ms, 5ms, 30ms}));
  EXPECT_EQ(trace.calls.back().end, 35ms);
}

TEST(FlowOracleTest, LetsARealtimeBatchTakeWhatWaits) {
  const OracleSettings settings{{batched(realtime(3), 10ms)}, {1}};
  const Trace trace =
      run_oracle(settings, {job(0, 0ms), job(0, 1ms), job(0, 2ms), job(0, 3ms), job(0, 4ms)});
  EXPECT_EQ(begins(trace), (Begins{0ms, 10ms, 10ms, 10ms, 20ms}));
}

TEST(FlowOracleTest, LetsAFixedBatchLeaveWhenItIsFullOrItsFirstJobHasLingered) {
  const OracleSettings settings{{batched(fixed(2, 50ms))}, {4}};
  const Trace trace =
      run_oracle(settings, {job(0, 0ms, 1), job(0, 10ms, 2), job(0, 20ms, 1), job(0, 30ms, 3)});
  EXPECT_EQ(begins(trace), (Begins{20ms, 60ms, 20ms, 80ms}));
}

TEST(FlowOracleTest, LeavesOtherKindsTheHandlersThatAKindMayNotUse) {
  const OracleSettings settings{{per_job(10ms, 1), per_job(1ms)}, {2}};
  const Trace trace =
      run_oracle(settings, {job(0, 0ms), job(0, 0ms), job(0, 0ms), job(1, 2ms), job(1, 2ms)});
  EXPECT_EQ(begins(trace), (Begins{0ms, 10ms, 20ms, 2ms, 3ms}));
}

TEST(FlowOracleTest, CountsAKindsOwnConcurrencyInEachWorker) {
  const OracleSettings settings{{per_job(10ms, 1)}, {2, 2}};
  EXPECT_EQ(begins(run_oracle(settings, {job(0, 0ms), job(0, 0ms), job(0, 0ms)})),
            (Begins{0ms, 0ms, 10ms}));
}

TEST(FlowOracleTest, TakesTheUrgentFirstAndThenTheOldest) {
  const OracleSettings settings{{per_job(10ms), per_job(10ms)}, {1}};
  const Trace trace = run_oracle(
      settings, {job(0, 0ms), job(0, 3ms, 0, 2), job(0, 2ms), job(1, 1ms), job(1, 4ms, 0, 0)});
  EXPECT_EQ(begins(trace), (Begins{0ms, 40ms, 30ms, 20ms, 10ms}));
}

TEST(FlowOracleTest, HoldsABatchAsLongAsItsBudgetLets) {
  OracleSettings settings{{batched(latency_budget(100ms, 10), 5ms, 5ms)}, {1}};
  settings.budget_part = 1;
  // The second job makes the run longer, so both have to leave earlier.
  const Trace trace = run_oracle(settings, {job(0, 0ms), job(0, 20ms)});
  EXPECT_EQ(begins(trace), (Begins{85ms, 85ms}));
  EXPECT_EQ(trace.calls[0].end, 100ms);
}

TEST(FlowOracleTest, FormsHeldBatchesInEachWorkerUnlessToldOtherwise) {
  OracleSettings settings{{batched(fixed(4, 50ms))}, {1, 1}};
  const std::vector<TracedJob> jobs{job(0, 0ms), job(0, 1ms), job(0, 2ms), job(0, 3ms)};
  EXPECT_EQ(begins(run_oracle(settings, jobs)), (Begins{50ms, 51ms, 50ms, 51ms}));
  settings.dealt = false;
  EXPECT_EQ(begins(run_oracle(settings, jobs)), (Begins{3ms, 3ms, 3ms, 3ms}));
}

TEST(FlowOracleTest, DealsAJobToTheWorkerThatHoldsTheFewestNow) {
  const OracleSettings settings{{batched(fixed(2, 50ms))}, {1, 1}};
  // The first and the third are full in one worker and leave; it holds none then.
  EXPECT_EQ(begins(run_oracle(settings, {job(0, 0ms), job(0, 1ms), job(0, 2ms), job(0, 3ms)})),
            (Begins{2ms, 51ms, 2ms, 53ms}));
}

TEST(FlowOracleTest, LetsJobsThatLingeredWhileAllHandlersWereBusyLeaveTogether) {
  const OracleSettings settings{{batched(fixed(2, 5ms)), per_job(50ms)}, {2}};
  const Trace trace =
      run_oracle(settings, {job(1, 0ms), job(1, 0ms), job(0, 1ms), job(0, 2ms), job(0, 3ms)});
  EXPECT_EQ(begins(trace), (Begins{0ms, 0ms, 50ms, 50ms, 50ms}));
}

TEST(FlowOracleTest, SharesHandlersBetweenQueuesByWeight) {
  OracleSettings settings{{per_job(1ms, 0, 0), per_job(1ms, 0, 1)}, {1}, {3, 1}};
  std::vector<TracedJob> jobs;
  for (int i = 0; i < 200; ++i) jobs.push_back(job(static_cast<std::uint32_t>(i % 2), 0ms));
  settings.until = 100ms;
  std::map<std::uint32_t, int> ran;
  for (const Call& call : run_oracle(settings, jobs).calls) ++ran[call.kind];
  EXPECT_NEAR(ran[0], 75, 2);
  EXPECT_NEAR(ran[1], 25, 2);
}

TEST(FlowOracleTest, GivesAQueueThatWasEmptyNoCreditForThatTime) {
  const OracleSettings settings{{per_job(1ms, 0, 0), per_job(1ms, 0, 1)}, {1}, {1, 1}};
  std::vector<TracedJob> jobs;
  for (int i = 0; i < 200; ++i) jobs.push_back(job(0, 0ms));
  for (int i = 0; i < 50; ++i) jobs.push_back(job(1, 100ms));
  const auto at = begins(run_oracle(settings, jobs));
  // In turn with the first queue: the 50 take 100 ms, not 50.
  EXPECT_NEAR(ms_of(at.back()), 199, 2);
}

TEST(FlowOracleTest, PutsSharesOfQueuesBeforePrioritiesUnlessToldOtherwise) {
  OracleSettings settings{{per_job(10ms, 0, 0), per_job(10ms, 0, 1)}, {1}, {1, 1}};
  const std::vector<TracedJob> jobs{job(0, 0ms, 0, 0), job(0, 0ms, 0, 0), job(1, 0ms, 0, 2)};
  EXPECT_EQ(begins(run_oracle(settings, jobs)), (Begins{0ms, 20ms, 10ms}));
  settings.urgent_before_share = true;
  EXPECT_EQ(begins(run_oracle(settings, jobs)), (Begins{0ms, 10ms, 20ms}));
}

TEST(FlowOracleTest, BeginsNothingAfterTheEndOfTheRun) {
  OracleSettings settings{{per_job(10ms)}, {1}};
  settings.until = 15ms;
  EXPECT_EQ(begins(run_oracle(settings, {job(0, 0ms), job(0, 0ms), job(0, 0ms)})),
            (Begins{0ms, 10ms, Moment::max()}));
}

std::vector<TracedJob> jobs_of(const Mix& mix) {
  std::vector<TracedJob> jobs;
  for (const PlannedJob& planned : schedule_of(mix)) {
    jobs.push_back({planned.kind, planned.key, static_cast<std::uint8_t>(planned.priority),
                    std::max(planned.at, planned.due), no_call});
  }
  return jobs;
}

TEST(FlowOracleTest, WastesNoHandlerAndObeysEveryRuleInAnyMix) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Mix mix = generate(seed);
    const OracleSettings settings = oracle_settings_of(mix);
    const Trace trace = run_oracle(settings, jobs_of(mix));
    Moment end{0};
    for (const Call& call : trace.calls) {
      end = std::max(end, call.end);
      EXPECT_LE(call.jobs, mix.kinds[call.kind].policy.max_jobs);
    }
    for (const TracedJob& one : trace.jobs) ASSERT_NE(one.call, no_call) << seed;
    const auto due = due_calls(trace, settings.kinds, end);
    for (const DueCall& one : due) EXPECT_GE(one.call.begin, one.allowed) << seed;
    IdleQuestion question{settings.workers, settings.kinds, 0ms, end, 0ms};
    EXPECT_NEAR(idle_time(question, due).wasted, 0, 1e-9) << seed;
    EXPECT_LE(idle_time(question, due).busy, 1) << seed;
  }
}

}  // namespace
}  // namespace ferry::flow
