#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "batching/arrival.hpp"
#include "ferry/policy.hpp"

namespace ferry::detail {

/// One call of a handler, or under `set_group` several calls one after the other.
struct Departure {
  std::uint32_t kind = 0;
  LeaveReason reason = LeaveReason::idle;
  Suspect suspect = Suspect::no;
  std::vector<JobRef> jobs;
  /// Jobs whose latency budget could not be kept any more. Those of them that have expired are to
  /// be dropped.
  bool late = false;
  /// All of them are to be dropped: their budget is spent, and the policy sheds their priority.
  bool shed = false;
  /// Above 0: nobody is to run them, they go back to Redis for so long.
  std::chrono::milliseconds postponed_for{0};
};

/// What became of a departure under a latency budget.
struct BudgetReport {
  struct Count {
    std::size_t jobs = 0;
    std::size_t over_budget = 0;
  };

  std::size_t jobs = 0;
  std::chrono::nanoseconds took{0};
  Time started;
  Time ended;
  bool late = false;  ///< as in Departure
  Count usual;        ///< jobs with the budget of their kind
  Count own;          ///< jobs with a budget of their own
};

}  // namespace ferry::detail
