#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "batching/departure.hpp"
#include "ferry/policy.hpp"
#include "stages/report.hpp"
#include "stages/run.hpp"

namespace ferry::detail {

/// What a latency budget is counted with at the end of a run.
struct BudgetClock {
  std::chrono::steady_clock::time_point now;
  std::uint64_t wall_us = 0;             ///< since 1970, the clock of the jobs' enqueue times
  std::chrono::nanoseconds settling{0};  ///< what Redis's word takes from here
};

/// Counts how many jobs of a run kept their budget; `jobs`: how many were run.
///
/// Returns: null unless the policy is a latency budget and jobs were run.
std::shared_ptr<const BudgetReport> budget_report(const Run& run, const Policy& policy,
                                                  std::size_t jobs, const BudgetClock& clock);

/// Takes the jobs that have expired out of a run; all of them when it is shed.
///
/// Returns: what is to be told of them.
Report take_expired(Run& run, std::uint64_t now_ms);

}  // namespace ferry::detail
