#pragma once

#include <chrono>
#include <cstddef>

namespace ferry::load {

inline constexpr auto tolerated_lag = std::chrono::milliseconds(10);
/// As a part of all jobs.
inline constexpr double tolerated_late = 0.05;

/// How late jobs were sent.
struct Lag {
  std::size_t sent = 0;
  std::size_t late = 0;  ///< by more than `tolerated_lag`
  std::chrono::nanoseconds worst{0};

  void record(std::chrono::nanoseconds lag);
  /// Returns: whether so many were late that the run did not offer the load it says.
  bool too_much() const;
};

}  // namespace ferry::load
