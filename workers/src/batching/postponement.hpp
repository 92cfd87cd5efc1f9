#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "batching/time.hpp"

namespace ferry::detail {

/// When late jobs that a worker gives back to Redis should come again: one after the other, at the
/// pace at which it can do them beside those that can be in time. What comes too soon goes back
/// once more; what comes too late would find the worker idle.
///
/// Threads: one thread at a time.
class Postponement {
 public:
  /// Sooner they would only be in the way again.
  static constexpr std::chrono::milliseconds least{500};
  /// Later, workers that are added meanwhile would find nothing to do.
  static constexpr std::chrono::milliseconds most{30'000};

  /// `per_job`: what each takes when the worker does nothing else. `in_time_share`: the part of its
  /// time that goes to jobs in time, 0 to 1.
  ///
  /// Returns: for how long to give so many jobs back.
  std::chrono::milliseconds next(std::size_t jobs, std::chrono::nanoseconds per_job,
                                 double in_time_share, Time now) {
    next_ = std::clamp(next_, now + least, now + most);
    const auto delay = std::chrono::ceil<std::chrono::milliseconds>(next_ - now);
    // All of the time may go to others while there is too much work; that will not last.
    const double pace = std::max(least_pace, 1 - in_time_share);
    const double ns = static_cast<double>(per_job.count()) * static_cast<double>(jobs) / pace;
    next_ += std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(ns));
    return delay;
  }

 private:
  static constexpr double least_pace = 0.5;

  Time next_ = Time::min();
};

}  // namespace ferry::detail
