#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>

namespace ferry::detail {

/// Remembers how long batches that were due still had to wait for a runner, so that the next ones
/// are due earlier by as much.
///
/// Threads: one thread at a time.
class StartDelay {
 public:
  using Duration = std::chrono::nanoseconds;

  static constexpr std::size_t window = 64;

  void observe(Duration late_by) {
    ring_[next_] = std::max(Duration{0}, late_by);
    next_ = (next_ + 1) % window;
    if (next_ % refresh_every == 0) refresh();
  }

  /// Returns: the third longest of the last 64 delays: all but 3 % were shorter.
  Duration usual() const { return usual_; }

 private:
  static constexpr std::size_t refresh_every = 8;
  static constexpr std::size_t rank = 2;

  void refresh() {
    std::array<Duration, window> sorted = ring_;
    std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.end(), std::greater<>());
    usual_ = sorted[rank];
  }

  std::array<Duration, window> ring_{};
  std::size_t next_ = 0;
  Duration usual_{0};
};

}  // namespace ferry::detail
