#pragma once

#include <mutex>

#include "ferry/worker.hpp"

namespace ferry::detail {

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

  WorkerStats snapshot() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  WorkerStats stats_;
};

}  // namespace ferry::detail
