#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "plan/simulation.hpp"

namespace ferry::detail {

/// What the oracle is asked.
struct OracleQuestion {
  double per_second = 0;
  SimulatedCost cost{};
  std::size_t runners = 4;
  std::chrono::nanoseconds budget{0};
  std::chrono::milliseconds duration{0};
  std::uint64_t seed = 1;
};

/// The cheapest rule that keeps the budget for 99 of 100 jobs.
struct OracleAnswer {
  double worker_ms_per_job = 0;
  double p99_ms = 0;
  double mean_batch = 0;
  /// How long the first job waits: `part` of the budget less the true run time, or with
  /// `by_linger` that part as it is.
  double part = 0;
  bool by_linger = false;
};

/// Knows the true cost of a batch and tries every rule of two families on the jobs to come: leave
/// at `part · budget − (fixed + per_job · waiting)` after the first job's enqueueing, and leave at
/// `part · budget` after it. It learns nothing and shares no code with the batcher, so that it also
/// is a check of the simulation.
///
/// Returns: an answer with a cost of 0 when no rule keeps the budget.
OracleAnswer ask_oracle(const OracleQuestion& question);

}  // namespace ferry::detail
