#pragma once

#include <algorithm>
#include <chrono>

#include "batching/time.hpp"

namespace ferry::detail {

/// When late jobs that a worker gives back to Redis should come again: one after the other, as
/// there will be time for them, so that it does not have to give back most of them once more.
///
/// Threads: one thread at a time.
class Postponement {
 public:
  /// Sooner they would only be in the way again.
  static constexpr std::chrono::milliseconds least{1000};
  /// Later, workers that are added meanwhile would find nothing to do.
  static constexpr std::chrono::milliseconds most{60'000};

  /// `work`: in what time the worker can do the jobs that are given back now.
  ///
  /// Returns: for how long to give them back.
  std::chrono::milliseconds next(std::chrono::nanoseconds work, Time now) {
    next_ = std::clamp(next_, now + least, now + most);
    const auto delay = std::chrono::ceil<std::chrono::milliseconds>(next_ - now);
    next_ += work;
    return delay;
  }

 private:
  Time next_ = Time::min();
};

}  // namespace ferry::detail
