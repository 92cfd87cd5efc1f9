#pragma once

#include <chrono>
#include <cstddef>

namespace ferry::detail {

/// Learns how many short jobs should travel in one group, so that a group takes about 200 µs: then
/// the price of a graph message (some hundred nanoseconds) no longer shows, and a group is still
/// too short to be waited for.
///
/// Threads: one thread at a time.
class GroupSizer {
 public:
  static constexpr std::size_t max_jobs = 256;
  static constexpr std::chrono::nanoseconds target{200'000};

  /// A departure of so many jobs has ended after so long. Grows to at most twice the size, shrinks
  /// at once.
  void observe(std::size_t jobs, std::chrono::nanoseconds run_time);

  /// Returns: 1..256, for Batcher::set_group.
  std::size_t jobs() const { return jobs_; }

  /// Returns: how many jobs one may expect to end within `time`, at least 1; 1 before anything was
  /// observed.
  std::size_t jobs_within(std::chrono::nanoseconds time) const;

 private:
  double ns_per_job_ = 0;  ///< 0 = nothing observed
  std::size_t jobs_ = 1;
};

}  // namespace ferry::detail
