#pragma once

#include <chrono>
#include <cstddef>

#include "batching/run_time_model.hpp"

namespace ferry::detail {

/// What jobs took of their runners lately. It is measured, not foretold: early batches of odd sizes
/// count for as long as they ran, and not more.
///
/// Threads: one thread at a time.
class RunnerTime {
 public:
  void observe(std::size_t jobs, std::chrono::nanoseconds took, bool in_time) {
    const auto ns = static_cast<double>(took.count());
    jobs_ = kept * jobs_ + static_cast<double>(jobs);
    ns_ = kept * ns_ + ns;
    in_time_ns_ = kept * in_time_ns_ + (in_time ? ns : 0);
    ++batches_;
  }

  /// Returns: whether the sizes of batches have had time to become what they are to be.
  bool settled() const { return batches_ >= RunTimeModel::window; }

  /// Returns: 0 before anything ran.
  std::chrono::nanoseconds per_job() const {
    if (jobs_ == 0) return {};
    return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(ns_ / jobs_));
  }

  /// Returns: the part of it that went to jobs that could be in time.
  double in_time_share() const { return ns_ == 0 ? 0 : in_time_ns_ / ns_; }

 private:
  static constexpr double kept = 31. / 32;  ///< with each batch

  std::size_t batches_ = 0;
  double jobs_ = 0;
  double ns_ = 0;
  double in_time_ns_ = 0;
};

}  // namespace ferry::detail
