// Twice the work that can be done in time, of three priorities, when the low one is shed: the real
// batcher in simulated time. The seed decides everything, so the bounds are exact.

#include <gtest/gtest.h>

#include <algorithm>

#include "plan/simulation.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;
using Duration = std::chrono::nanoseconds;

/// As in simulation_test.cpp: the most that is kept within 50 ms.
constexpr double capacity = 15'000;

constexpr std::uint32_t high = 0;
constexpr std::uint32_t normal = 1;
constexpr std::uint32_t low = 2;

/// Half of the capacity, and between 15 and 20 s twice the capacity; two jobs of three are low.
SimulationSettings overload(Policy policy) {
  SimulationSettings settings;
  settings.policies = {policy};
  settings.streams = {{0.1 * capacity / 2}, {0.2 * capacity / 2}, {0.7 * capacity / 2}};
  settings.streams[high].priority = Priority::high;
  settings.streams[low].priority = Priority::low;
  settings.warm_up = 15s;
  settings.duration = 10s;
  settings.rate_factor = [](Duration at) { return at >= 15s && at < 20s ? 4 : 1; };
  return settings;
}

std::size_t dropped(const SimulationResult& result, std::uint32_t stream) {
  return static_cast<std::size_t>(std::ranges::count_if(
      result.jobs, [&](const SimulatedJob& job) { return job.stream == stream && job.dropped; }));
}

std::size_t enqueued(const SimulationResult& result) {
  return static_cast<std::size_t>(std::ranges::count_if(
      result.jobs, [](const SimulatedJob& job) { return job.enqueued >= 15s; }));
}

TEST(ShedTest, HighJobsKeepTheirBudgetLowOnesAreShedAndNoneIsForgotten) {
  const SimulationResult result = simulate(overload(latency_budget(50ms, 500).shed(Priority::low)));
  EXPECT_LE(result.late_share(50ms, high), 0.005);
  EXPECT_LE(result.late_share(50ms, normal), 0.005);
  EXPECT_EQ(dropped(result, high) + dropped(result, normal), 0u);
  EXPECT_GT(dropped(result, low), 5 * capacity * 9 / 10) << "what is beyond the capacity";
  EXPECT_LT(dropped(result, low), 5 * capacity * 15 / 10);
  EXPECT_NEAR(static_cast<double>(enqueued(result)), 5 * 2.5 * capacity, 1500) << "none is lost";
  EXPECT_GE(result.goodput(50ms, 15s, 20s), 0.95 * capacity);
  EXPECT_LT(result.most_held, 5'000u);
  for (const SimulatedJob& job : result.jobs) {
    if (job.stream == low && !job.dropped) {
      EXPECT_LE(job.latency, 100ms) << "what was not shed was begun in time";
    }
  }
}

TEST(ShedTest, TheBudgetIsKeptAgainAtOnceAfterTheOverload) {
  const SimulationResult result = simulate(overload(latency_budget(50ms, 500).shed(Priority::low)));
  std::size_t late = 0;
  std::size_t jobs = 0;
  for (const SimulatedJob& job : result.jobs) {
    if (job.enqueued < 20s + 500ms) continue;
    ++jobs;
    if (job.dropped || job.latency > 50ms) ++late;
  }
  EXPECT_LE(static_cast<double>(late), 0.01 * static_cast<double>(jobs));
}

TEST(ShedTest, WithoutSheddingLowJobsAreRunLongAfterTheirBudget) {
  SimulationSettings settings = overload(latency_budget(50ms, 500));
  settings.most_held = 1'000'000;
  const SimulationResult result = simulate(settings);
  EXPECT_EQ(dropped(result, low), 0u);
  EXPECT_GT(result.latency_ms(0.9, low), 1000);
}

}  // namespace
}  // namespace ferry::detail
