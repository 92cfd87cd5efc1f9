#pragma once

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "stages/run.hpp"

namespace ferry::detail {

/// Groups of a per-job handler that are running. A group is made of jobs that were short lately;
/// what it has not begun can be taken away from it.
///
/// Threads: any.
class RunningGroups {
 public:
  void add(RunPtr run) {
    const std::lock_guard lock(mutex_);
    runs_.push_back(std::move(run));
  }
  void remove(const RunPtr& run) {
    const std::lock_guard lock(mutex_);
    std::erase(runs_, run);
  }

  /// Opens groups of which `which(run)` is true: `opened(run, ended, rest)` is told the jobs that
  /// have ended and those that were not begun and belong to nobody now.
  template <typename Which, typename Opened>
  void open(Which which, Opened opened) {
    const std::lock_guard lock(mutex_);
    for (const RunPtr& run : runs_) {
      if (!which(*run)) continue;
      const auto ended = run->cursor.take_ended();
      const auto rest = run->cursor.take_rest();
      opened(*run, ended, rest);
    }
  }

 private:
  std::mutex mutex_;
  std::vector<RunPtr> runs_;  ///< under `mutex_`
};

}  // namespace ferry::detail
