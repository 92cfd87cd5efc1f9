#pragma once

#include <cmath>
#include <span>

namespace ferry::plan {

/// What a job costs Redis, a processor or a connection: `per_job + per_batch / size + waking /
/// √rate`, at so many jobs a second of one worker.
///
/// Jobs that come close to each other share envelopes, fetches, calls that settle them and the
/// wake-ups of threads. How much they share nobody plans; the root of the rate describes the runs
/// of bench/plan_errors better than the rate or the size alone.
struct JobCost {
  double per_batch = 0;
  double per_job = 0;
  double waking = 0;

  double at(double size, double per_second) const {
    return per_job + per_batch / size + waking / std::sqrt(per_second);
  }
};

/// What so many jobs took each, at a mean size of their batches and a rate.
struct JobCostSample {
  double size = 1;
  double per_second = 1;
  double value = 0;
};

/// The least squares of the relative errors; no part below zero. A part of which the samples tell
/// nothing, as sizes or rates are all alike, is zero.
///
/// Source: non-negative least squares (Lawson and Hanson, "Solving Least Squares Problems", 23.3),
/// by trying all sets of parts.
JobCost fit_job_cost(std::span<const JobCostSample> samples);

}  // namespace ferry::plan
