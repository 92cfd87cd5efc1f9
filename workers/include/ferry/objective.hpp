#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ferry {

/// How long the jobs of a queue may take from enqueue to settled, and how many of them may take
/// longer.
struct LatencyObjective {
  std::string queue = "default";  ///< one of the worker's
  /// Empty: all kinds together.
  std::string kind{};
  /// Units: 1 ms..24 h.
  std::chrono::milliseconds within{1000};
  /// The share of jobs within that time: 0.95..0.9999. Below, no load could burn fast enough for
  /// the rule.
  double share = 0.99;

  /// Errors: `invalid_argument` with the field and the value.
  void validate() const;
};

/// How an objective fares in this worker, of its own jobs.
///
/// A burn rate is the share of late jobs over the share that may be late: 1 uses the allowance up
/// exactly. An objective burns while both windows are at 14.4 or more, which in a month would use
/// it up in two days; the short window lets it end soon. Expired jobs are late, dead letters do not
/// count.
///
/// Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts",
/// https://sre.google/workbook/alerting-on-slos/
struct ObjectiveStats {
  LatencyObjective objective;
  std::uint64_t jobs = 0;  ///< since the worker started
  std::uint64_t late = 0;
  double burn_5_minutes = 0;
  double burn_1_hour = 0;
  bool burning = false;
};

}  // namespace ferry
