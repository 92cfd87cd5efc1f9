#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <vector>

#include "batching/time.hpp"
#include "queue_health.hpp"
#include "stages/decode.hpp"
#include "stages/run.hpp"

namespace ferry::detail {

/// Suspects whose start could not be noted, because Redis refuses it for their queue: they must not
/// run without the note, and their runner must not wait for that queue.
///
/// Threads: any.
class ComeAgain {
 public:
  /// Takes them out of their run.
  void add(Run& run, Time now) {
    const std::lock_guard lock(mutex_);
    std::erase_if(run.places, [&](const Run::Place& place) {
      if (std::ranges::find(run.unnoted, place.envelope->queue) == run.unnoted.end()) return false;
      waiting_.push_back({now + QueueHealth::rest, run.kind, run.suspect, place});
      return true;
    });
  }

  /// Returns: those that have waited long enough, as they arrived first.
  std::vector<Arrival> take(Time now) {
    std::vector<Arrival> arrivals;
    const auto wall = std::chrono::system_clock::now();
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [&](const Waiting& job) {
      if (now < job.at) return false;
      arrivals.push_back(arrival_of(*job.place.envelope, job.place.index, job.kind, now, wall));
      arrivals.back().suspect = job.suspect;
      return true;
    });
    return arrivals;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

  std::optional<Time> due() const {
    const std::lock_guard lock(mutex_);
    return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().at);
  }

 private:
  struct Waiting {
    Time at;
    std::uint32_t kind = 0;
    Suspect suspect = Suspect::no;
    Run::Place place{};
  };

  mutable std::mutex mutex_;
  std::vector<Waiting> waiting_;  ///< under `mutex_`, the first due first
};

}  // namespace ferry::detail
