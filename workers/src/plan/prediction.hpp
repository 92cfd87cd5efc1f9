#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "ferry/policy.hpp"
#include "plan/measured.hpp"
#include "plan/queueing.hpp"

namespace ferry::plan {

/// What the simulation of a worker needs to know of it; times in ms.
struct WorkerModel {
  ServiceTime time{};
  std::size_t handlers = 1;
  double outside_ms = 0;  ///< of every job's latency
  /// Of the 99th percentile, beyond that: what timers, threads and other processes add now and
  /// then.
  double tail_ms = 0;
};

/// How one worker does under a rate. Latencies in ms, from enqueueing to Redis's word.
struct Prediction {
  double mean = 0;
  double p99 = 0;
  double mean_batch = 1;
  double utilisation = 0;  ///< of the handlers
  double done_per_second = 0;
};

/// Returns: the model of a measured worker. The tail is what the measured 99th percentiles exceed
/// the simulated ones by, in the middle of the runs whose handlers were not too busy to tell.
WorkerModel worker_model_of(const Measured& measured);

/// Simulates one worker with the real batcher; the same seed gives the same result.
Prediction predict(const WorkerModel& model, const Policy& policy, double per_second,
                   std::uint64_t seed = 1);

/// A backlog is there before the worker starts, and all of it is late: how many jobs a second get
/// done in its middle. At first nothing is learned, at the end there is too little to fill the
/// handlers.
double drained_per_second(const WorkerModel& model, const Policy& policy, std::size_t backlog,
                          std::uint64_t seed = 1);

/// Returns: the most jobs a second that one worker gets done when there is always enough to do:
/// `drained_per_second` behind three seconds of work.
double saturation(const WorkerModel& model, const Policy& policy, std::uint64_t seed = 1);

/// Above that, a burst or a slow moment makes a queue that is long in going away.
inline constexpr double most_utilisation = 0.8;

/// Returns: the highest rate of one worker that keeps the budget for 99 of 100 jobs and leaves its
/// handlers a fifth of their time; 0 when no rate does.
double most_per_second(const WorkerModel& model, const Policy& policy, double budget_ms,
                       std::uint64_t seed = 1);

}  // namespace ferry::plan
