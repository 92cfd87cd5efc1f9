#pragma once

#include <bit>
#include <chrono>
#include <cstdint>

namespace ferry::detail {

/// Remembers whether the handler of a kind has been quick lately, so that the thread that fetched
/// a job may run it: waking another one costs 40 µs and more.
///
/// Threads: one thread at a time.
class ShortRuns {
 public:
  /// Short beside a round trip to Redis: a fetch that waits for it is hardly late.
  static constexpr std::chrono::microseconds longest{100};

  void observe(std::chrono::nanoseconds run_time) {
    long_ = long_ << 1U | (run_time > longest ? 1U : 0U);
  }

  /// Returns: whether at most one of the last 64 runs was long; one may have been the machine. With
  /// one long run in ten that is next to never so. Until 63 were seen: false.
  bool expected() const { return std::popcount(long_) <= 1; }

 private:
  std::uint64_t long_ = ~std::uint64_t{0};  ///< a bit for each of the last runs, the newest lowest
};

}  // namespace ferry::detail
