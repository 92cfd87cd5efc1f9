// What the latency budget is worth: the real batcher in simulated time, against an oracle that
// knows the cost of a batch. The seeds decide everything, so the bounds are exact.

#include "plan/simulation.hpp"

#include <gtest/gtest.h>

#include "plan/oracle.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;
using Duration = std::chrono::nanoseconds;

/// 4 runners, 4 + 0.2 n ms with σ = 0.15: the model of the design.
SimulationSettings settings_of(Policy policy, double per_second) {
  SimulationSettings settings;
  settings.policies = {policy};
  settings.streams = {{per_second}};
  settings.warm_up = 60s;  // the dial needs ten windows of 300 jobs: 30 s at 100 jobs/s
  settings.duration = 40s;
  return settings;
}

std::size_t left_for(const SimulationResult& result, LeaveReason reason) {
  return result.left_for[static_cast<std::size_t>(reason)];
}

class RateTest : public testing::TestWithParam<double> {};

TEST_P(RateTest, KeepsTheBudgetAtNearlyTheCostOfOneWhoKnows) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SimulationSettings settings = settings_of(latency_budget(50ms), GetParam());
    settings.seed = seed;
    const SimulationResult result = simulate(settings);
    const OracleAnswer oracle = ask_oracle({GetParam(), {}, 4, 50ms, 20s, seed});
    ASSERT_GT(oracle.worker_ms_per_job, 0);
    EXPECT_LE(result.latency_ms(0.99), 50);
    EXPECT_LE(result.worker_ms_per_job(), 1.1 * oracle.worker_ms_per_job);
    EXPECT_GE(result.worker_ms_per_job(), 0.97 * oracle.worker_ms_per_job) << "too good to be true";
    EXPECT_GT(left_for(result, LeaveReason::deadline), result.batches * 9 / 10);
  }
}
INSTANTIATE_TEST_SUITE_P(JobsPerSecond, RateTest, testing::Values(100, 500, 2000, 5000));

TEST(SimulationTest, AgreesWithTheOtherPoliciesOnPaper) {
  const SimulationResult greedy = simulate(settings_of(realtime(500), 500));
  EXPECT_NEAR(greedy.worker_ms_per_job(), 4.07, 0.1) << "the design's figure";
  const SimulationResult linger = simulate(settings_of(fixed(500, 5ms), 500));
  EXPECT_NEAR(linger.worker_ms_per_job(), 1.36, 0.03);
  EXPECT_NEAR(linger.mean_batch(), 3.5, 0.1) << "1 + 500/s · 5 ms";
}

TEST(SimulationTest, TheSameSeedGivesTheSameResult) {
  SimulationSettings settings = settings_of(latency_budget(50ms), 500);
  settings.warm_up = 1s;
  settings.duration = 5s;
  const auto of_seed = [&](std::uint64_t seed) {
    settings.seed = seed;
    const SimulationResult result = simulate(settings);
    return std::pair(result.latency_ms(0.5), result.worker_ms);
  };
  EXPECT_EQ(of_seed(7), of_seed(7));
  EXPECT_NE(of_seed(7), of_seed(8));
}

TEST(SimulationTest, LooseJobsRideAlongWithUrgentOnes) {
  SimulationSettings one = settings_of(latency_budget(500ms), 0);
  one.streams = {{20, 0, 20ms}, {180}};
  one.warm_up = 240s;  // 10 % of 200/s are urgent: 15 s for 300 of them
  one.duration = 200s;
  const SimulationResult mixed = simulate(one);
  EXPECT_LE(mixed.late_share(20ms, 0), 0.001);
  EXPECT_LE(mixed.late_share(500ms, 1), 0.001);

  SimulationSettings two = one;
  two.policies = {latency_budget(20ms), latency_budget(500ms)};
  two.streams = {{20, 0}, {180, 1}};
  EXPECT_LT(mixed.worker_ms_per_job(), 0.95 * simulate(two).worker_ms_per_job());
}

TEST(SimulationTest, UrgentJobsAreInTimeAtHigherRatesToo) {
  SimulationSettings one = settings_of(latency_budget(500ms), 0);
  one.streams = {{100, 0, 20ms}, {900}};
  one.warm_up = 60s;
  one.duration = 120s;
  const SimulationResult mixed = simulate(one);
  EXPECT_LE(mixed.late_share(20ms, 0), 0.001);
  SimulationSettings two = one;
  two.policies = {latency_budget(20ms), latency_budget(500ms)};
  two.streams = {{100, 0}, {900, 1}};
  // A loose batch of hundreds has next to no fixed part that a ride could save.
  EXPECT_LT(mixed.worker_ms_per_job(), 1.03 * simulate(two).worker_ms_per_job());
}

TEST(SimulationTest, ASynchronousProducerIsNotHeldBack) {
  SimulationSettings settings = settings_of(realtime(), 0);
  settings.streams[0].closed_loop = 1;
  settings.warm_up = 0s;
  const std::size_t realtime_jobs = simulate(settings).jobs.size();
  settings.policies = {latency_budget(50ms)};
  const SimulationResult result = simulate(settings);
  EXPECT_GE(static_cast<double>(result.jobs.size()), 0.9 * static_cast<double>(realtime_jobs));
  EXPECT_GT(left_for(result, LeaveReason::no_gain), result.batches * 9 / 10);
}

TEST(SimulationTest, StartsAsRealtime) {
  SimulationSettings settings = settings_of(latency_budget(50ms), 500);
  settings.warm_up = 0s;
  settings.duration = 500ms;
  const SimulationResult result = simulate(settings);
  EXPECT_LE(result.latency_ms(0.99), 10);
}

/// 15,000 jobs/s is the most that this policy carries within 50 ms; no rule of the oracle carries
/// it.
constexpr double capacity = 15'000;

SimulationSettings overload() {
  SimulationSettings settings = settings_of(latency_budget(50ms, 500), capacity / 2);
  settings.warm_up = 10s;
  settings.duration = 15s;
  settings.rate_factor = [](Duration at) { return at >= 15s && at < 20s ? 4 : 1; };
  return settings;
}

TEST(OverloadTest, TheCapacityIsWhatCanBeKept) {
  SimulationSettings settings = settings_of(latency_budget(50ms, 500), capacity);
  settings.warm_up = 15s;
  settings.duration = 15s;
  EXPECT_LE(simulate(settings).latency_ms(0.99), 50);
}

/// Nothing is shed: late jobs wait in the worker, which holds more than by default here.
TEST(OverloadTest, KeepsDoingWhatItCanAndLosesNothing) {
  SimulationSettings settings = overload();
  settings.most_held = 1'000'000;
  const SimulationResult result = simulate(settings);
  EXPECT_GE(result.goodput(50ms, 15s, 20s), 0.75 * capacity);
  EXPECT_GE(result.goodput(50ms, 21s, 24s), 0.98 * capacity / 2) << "recovered";
  std::size_t enqueued = 0;
  for (const SimulatedJob& job : result.jobs) enqueued += job.dropped ? 0 : 1;
  EXPECT_GT(enqueued, 2 * 5 * capacity) << "late jobs run as well, later";
}

/// Jobs that expire with their budget: those who cannot be done in time are dropped.
TEST(OverloadTest, WithJobsThatExpireTheWorkerHoldsFewAndRecoversAtOnce) {
  SimulationSettings settings = overload();
  settings.expire = true;
  const SimulationResult result = simulate(settings);
  EXPECT_GE(result.goodput(50ms, 15s, 20s), 0.75 * capacity);
  EXPECT_LT(result.most_held, 10'000u);
  std::size_t jobs = 0;
  std::size_t late = 0;
  for (const SimulatedJob& job : result.jobs) {
    if (job.enqueued < 20s + 500ms) continue;
    ++jobs;
    if (job.dropped || job.latency > 50ms) ++late;
  }
  EXPECT_LE(static_cast<double>(late), 0.01 * static_cast<double>(jobs));
}

/// First in, first out through a queue longer than what a worker may hold: nobody can be in time.
TEST(OverloadTest, WithoutExpiryTheWorkerHoldsNoMoreThanItsCredits) {
  const SimulationResult result = simulate(overload());
  EXPECT_LE(result.most_held, 40'000u);
}

TEST(ChangeTest, FewJobsAreLateWhenRunsTakeFiveTimesAsLong) {
  SimulationSettings settings = settings_of(latency_budget(50ms), 500);
  settings.cost_factor = [](Duration at) { return at >= 80s ? 5 : 1; };
  const SimulationResult result = simulate(settings);
  std::size_t late = 0;
  std::size_t late_after_3s = 0;
  std::size_t after_3s = 0;
  for (const SimulatedJob& job : result.jobs) {
    if (job.enqueued < 79s) continue;
    if (job.latency > 50ms) ++late;
    if (job.enqueued < 83s) continue;
    ++after_3s;
    if (job.latency > 50ms) ++late_after_3s;
  }
  EXPECT_LE(late, 150u) << "0.3 s of jobs";
  EXPECT_LE(static_cast<double>(late_after_3s), 0.01 * static_cast<double>(after_3s));
}

TEST(ChangeTest, NobodyIsLateWhenRunsTakeAFifth) {
  SimulationSettings settings = settings_of(latency_budget(50ms), 500);
  settings.cost_factor = [](Duration at) { return at >= 80s ? 1 : 5; };
  const SimulationResult result = simulate(settings);
  std::size_t late = 0;
  for (const SimulatedJob& job : result.jobs) {
    if (job.enqueued >= 80s && job.latency > 50ms) ++late;
  }
  EXPECT_LE(late, 10u);
}

}  // namespace
}  // namespace ferry::detail
