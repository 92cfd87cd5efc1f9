#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "ferry/worker.hpp"

namespace ferry::detail {

/// Records how long it is since several moments, which mostly are the same one: the jobs of a bulk
/// were enqueued together.
///
/// Units: µs. What is added counts when it goes out of scope.
class TimesSince {
 public:
  TimesSince(Histogram& histogram, std::uint64_t now) : histogram_(histogram), now_(now) {}
  ~TimesSince() { flush(); }
  TimesSince(const TimesSince&) = delete;
  TimesSince& operator=(const TimesSince&) = delete;

  void add(std::uint64_t moment) {
    if (moment != moment_) {
      flush();
      moment_ = moment;
    }
    ++times_;
  }

 private:
  void flush() {
    histogram_.record(now_ > moment_ ? now_ - moment_ : 0, times_);
    times_ = 0;
  }

  Histogram& histogram_;
  std::uint64_t now_;
  std::uint64_t moment_ = 0;
  std::uint64_t times_ = 0;
};

/// The worker's counts, behind one lock that is taken once for each batch or call, not for each
/// job.
///
/// Threads: any.
class Metrics {
 public:
  template <typename F>
  void update(F change) {
    const std::lock_guard lock(mutex_);
    change(stats_);
  }

  /// From an outcome to Redis's word; a longer one counts more, as it makes jobs late. By the
  /// settle thread alone.
  void settled_after(std::chrono::nanoseconds time) {
    const auto before = settling_.load(std::memory_order_relaxed);
    const auto after = time.count();
    settling_.store(before + (after - before) / (after > before ? 2 : 8),
                    std::memory_order_relaxed);
  }
  std::chrono::nanoseconds settling() const {
    return std::chrono::nanoseconds{settling_.load(std::memory_order_relaxed)};
  }

  WorkerStats snapshot() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  WorkerStats stats_;
  std::atomic<std::int64_t> settling_{0};
};

}  // namespace ferry::detail
