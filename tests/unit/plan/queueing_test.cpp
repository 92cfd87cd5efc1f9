// Formulas against figures worked out by hand, and against the simulation where both apply. The
// seeds decide what is simulated, so the bounds are exact.
#include "plan/queueing.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "plan/prediction.hpp"

namespace ferry::plan {
namespace {

/// 4 + 0.2 n ms with σ = 0.15: the model of the design.
constexpr ServiceTime model_time{4, 0.2, 0.15};

TEST(ServiceTimeTest, HasTheMomentsOfALognormalFactor) {
  EXPECT_NEAR(model_time.mean(1), 4.2 * std::exp(0.01125), 1e-12);
  EXPECT_NEAR(model_time.second_moment(10), 36 * std::exp(0.045), 1e-12);
  EXPECT_NEAR(model_time.quantile(10, 0.5), 6, 1e-9);
  EXPECT_NEAR(model_time.quantile(10, 0.99), 6 * std::exp(0.15 * 2.32634787), 1e-6);
}

TEST(SingleHandlerTest, IsPollaczekAndKhinchine) {
  // M/D/1, 10 ms, 50 a second: ρ = 0.5, W = 0.05 · 100 / (2 · 0.5) = 5 ms.
  const QueueAnswer answer = single_handler(0.05, {10, 0, 0});
  EXPECT_TRUE(answer.stable);
  EXPECT_NEAR(answer.utilisation, 0.5, 1e-12);
  EXPECT_NEAR(answer.mean_wait, 5, 1e-12);
  EXPECT_NEAR(answer.mean_latency, 15, 1e-12);
  // 5 / 0.5 · ln(0.5 / 0.01) + 10.
  EXPECT_NEAR(answer.p99, 10 * std::log(50.0) + 10, 1e-9);
  EXPECT_FALSE(single_handler(0.1, {10, 0, 0}).stable);
}

TEST(HandlersSideBySideTest, IsErlangsC) {
  // 2 handlers, 1 Erlang of work: B = 0.2, C = 1/3; M/D/2 by half of C · 10 / (2 − 1).
  const QueueAnswer answer = handlers_side_by_side(0.1, {10, 0, 0}, 2);
  EXPECT_NEAR(answer.utilisation, 0.5, 1e-12);
  EXPECT_NEAR(answer.mean_wait, 10.0 / 3 / 2, 1e-12);
  const QueueAnswer one = handlers_side_by_side(0.05, model_time, 1);
  EXPECT_NEAR(one.mean_wait, single_handler(0.05, model_time).mean_wait, 1e-12);
}

TEST(GreedyBatchesTest, IsTheSingleHandlerWhenBatchesHaveOneJob) {
  for (const double rate : {0.05, 0.1, 0.18}) {
    const QueueAnswer bulk = greedy_batches(rate, model_time, 1);
    const QueueAnswer single = single_handler(rate, model_time);
    EXPECT_TRUE(bulk.stable);
    EXPECT_NEAR(bulk.utilisation, single.utilisation, 1e-4);
    EXPECT_NEAR(bulk.mean_latency / single.mean_latency, 1, 1e-3);
    EXPECT_NEAR(bulk.mean_batch, 1, 1e-9);
  }
}

TEST(GreedyBatchesTest, FollowsByHandWhenNearlyNobodyWaits) {
  // Calls of 1 ms whatever their size, 0.01 jobs a ms: P(somebody comes during a call) = 1 −
  // e^−0.01; who comes waits half a call on average.
  const QueueAnswer answer = greedy_batches(0.01, {1, 0, 0}, 100);
  const double nobody = std::exp(-0.01);
  EXPECT_NEAR(answer.mean_batch, nobody + 0.01, 1e-6);
  EXPECT_NEAR(answer.mean_wait, 0.01 / 2 / (nobody + 0.01), 1e-6);
}

TEST(GreedyBatchesTest, SaysWhenMoreComesThanCanBeDone) {
  EXPECT_FALSE(greedy_batches(5, {4, 0.2, 0}, 100).stable);  // at most 100 / 24 ms
  EXPECT_TRUE(greedy_batches(3, {4, 0.2, 0}, 100).stable);
}

/// Latencies of one worker in the simulation, in ms.
Prediction simulated(const ServiceTime& time, std::size_t handlers, const Policy& policy,
                     double per_ms) {
  return predict({time, handlers, 0, 0}, policy, per_ms * 1e3, 5);
}

TEST(FormulaAndSimulationTest, AgreeOnOneHandlerJobByJob) {
  for (const double rate : {0.06, 0.12, 0.17}) {
    const QueueAnswer formula = single_handler(rate, model_time);
    const Prediction simulation = simulated(model_time, 1, realtime(), rate);
    EXPECT_NEAR(simulation.mean / formula.mean_latency, 1, 0.05) << rate;
    EXPECT_NEAR(simulation.utilisation / formula.utilisation, 1, 0.02) << rate;
    EXPECT_NEAR(simulation.p99 / formula.p99, 1, 0.25) << rate;
  }
}

TEST(FormulaAndSimulationTest, AgreeOnHandlersSideBySide) {
  for (const double rate : {0.4, 0.7}) {
    const QueueAnswer formula = handlers_side_by_side(rate, model_time, 4);
    const Prediction simulation = simulated(model_time, 4, realtime(), rate);
    EXPECT_NEAR(simulation.mean / formula.mean_latency, 1, 0.05) << rate;
  }
}

TEST(FormulaAndSimulationTest, AgreeOnOneHandlerThatTakesAllWhoWait) {
  for (const double rate : {0.1, 0.5, 2.0}) {
    const QueueAnswer formula = greedy_batches(rate, model_time, 200);
    const Prediction simulation = simulated(model_time, 1, realtime(200), rate);
    EXPECT_NEAR(simulation.mean / formula.mean_latency, 1, 0.03) << rate;
    EXPECT_NEAR(simulation.mean_batch / formula.mean_batch, 1, 0.03) << rate;
  }
}

}  // namespace
}  // namespace ferry::plan
