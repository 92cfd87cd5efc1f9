#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "batching/concurrency_limit.hpp"

namespace ferry::detail {

/// Handlers under full load in simulated time, which share something that is slower the more of
/// them use it. A run of n jobs takes 4 + 0.2 n ms, times `slower(how many run)`, times noise.
class SharedResource {
 public:
  using Slower = std::function<double(std::size_t running)>;

  SharedResource(std::size_t most, std::uint64_t seed) : limit_(most), random_(seed) {}

  /// Returns: jobs per ms over so many runs. `fixed` > 0 takes the place of what was learned.
  double run(std::size_t runs, const Slower& slower, std::size_t fixed = 0) {
    const double from = now_ms_;
    std::size_t jobs = 0;
    for (std::size_t ended = 0; ended < runs;) {
      while (ends_.size() < (fixed > 0 ? fixed : limit_.now())) start(slower);
      const Run run = ends_.top();
      ends_.pop();
      now_ms_ = run.end_ms;
      limit_.end(run.ticket, run.jobs,
                 std::chrono::nanoseconds(static_cast<std::int64_t>(run.took_ms * 1e6)));
      jobs += run.jobs;
      ++ended;
    }
    return static_cast<double>(jobs) / (now_ms_ - from);
  }

  ConcurrencyLimit& limit() { return limit_; }

 private:
  struct Run {
    double end_ms;
    double took_ms;
    std::size_t jobs;
    std::uint64_t ticket;
    bool operator>(const Run& other) const { return end_ms > other.end_ms; }
  };

  double uniform() { return (static_cast<double>(random_() >> 11U) + 0.5) * 0x1.0p-53; }

  void start(const Slower& slower) {
    const std::size_t jobs = 1 + random_() % 50;
    // Twelve uniform numbers make one that is nearly normal.
    double normal = -6;
    for (int i = 0; i < 12; ++i) normal += uniform();
    const double took =
        (4 + 0.2 * static_cast<double>(jobs)) * slower(ends_.size() + 1) * std::exp(0.2 * normal);
    const std::uint64_t ticket = limit_.begin(ends_.size() + 1);
    ends_.push({now_ms_ + took, took, jobs, ticket});
  }

  ConcurrencyLimit limit_;
  std::mt19937_64 random_;
  double now_ms_ = 0;
  std::priority_queue<Run, std::vector<Run>, std::greater<>> ends_;
};

}  // namespace ferry::detail
