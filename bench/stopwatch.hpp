#pragma once

#include <chrono>

namespace ferry::bench {

using Clock = std::chrono::steady_clock;

/// How long anything that is waited for may take before a run has failed.
inline constexpr auto patience = std::chrono::minutes(2);

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  Clock::time_point start_ = Clock::now();
};

}  // namespace ferry::bench
