#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ferry::bench {

/// When jobs are to be sent, counted from the start of a run: made beforehand, so that a slow reply
/// cannot put off the next job and hide its own price.
using Schedule = std::vector<std::chrono::nanoseconds>;

/// Returns: one job each 1/`per_second`.
Schedule even_schedule(double per_second, std::chrono::nanoseconds duration);

/// Returns: jobs that come independently of each other (a Poisson process), as from many users.
Schedule random_schedule(double per_second, std::chrono::nanoseconds duration, std::uint64_t seed);

/// Returns: the value that `part` of them (in [0, 1]) do not exceed; 0 for none.
double quantile(std::span<const double> values, double part);

/// How late jobs were sent.
struct Lag {
  std::size_t sent = 0;
  std::size_t late = 0;  ///< by more than `tolerated_lag`
  std::chrono::nanoseconds worst{0};

  void record(std::chrono::nanoseconds lag);
  /// Returns: whether so many were late that the run did not offer the load it says.
  bool too_much() const;
};

inline constexpr auto tolerated_lag = std::chrono::milliseconds(10);
/// As a part of all jobs.
inline constexpr double tolerated_late = 0.05;

}  // namespace ferry::bench
