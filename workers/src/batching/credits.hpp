#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "batching/time.hpp"

namespace ferry::detail {

/// How much of what a worker may hold is out. Free and out always add up to the total; the last
/// envelope taken may be larger than what was free, then free is negative until enough came back.
///
/// Threads: one thread at a time.
class Credits {
 public:
  Credits(std::size_t jobs, std::size_t bytes);

  void take(std::size_t jobs, std::size_t bytes);
  /// At most what is out.
  void give(std::size_t jobs, std::size_t bytes);

  /// Returns: whether another fetch may be made: jobs and bytes are both free.
  bool any_free() const { return free_jobs() > 0 && free_bytes() > 0; }

  std::int64_t free_jobs() const { return total_jobs_ - out_jobs_; }
  std::int64_t out_jobs() const { return out_jobs_; }
  std::int64_t total_jobs() const { return total_jobs_; }
  std::int64_t free_bytes() const { return total_bytes_ - out_bytes_; }
  std::int64_t out_bytes() const { return out_bytes_; }
  std::int64_t total_bytes() const { return total_bytes_; }

 private:
  std::int64_t total_jobs_;
  std::int64_t total_bytes_;
  std::int64_t out_jobs_ = 0;
  std::int64_t out_bytes_ = 0;
};

}  // namespace ferry::detail
