#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "batching/batcher.hpp"
#include "metrics.hpp"
#include "stages/busy_time.hpp"
#include "stages/report.hpp"
#include "stages/run.hpp"

namespace ferry::detail {

/// Notes where the time of jobs goes between their arrival at the batch stage and the end of their
/// run, by batch rather than by job where that is enough.
///
/// Threads: `arrived`, `left`, `runner_free` and `allow` in the batch node; the others from any,
/// inside of `Metrics::update`.
class StageClock {
 public:
  using Clock = std::chrono::steady_clock;

  StageClock(std::size_t runners, const std::vector<RawHandler>& handlers);

  void arrived(const std::vector<Arrival>& arrivals, Clock::time_point now);
  void left(Run& run, Clock::time_point now);
  void runner_free(std::uint32_t kind, Clock::time_point now);
  /// So many of a kind with adaptive concurrency may run from now on; nothing for other kinds.
  void allow(std::uint32_t kind, std::optional<std::size_t> runners, Clock::time_point now) {
    if (runners) own_[kind]->set_runners(*runners, now);
  }

  /// Counts the batch. `wall_us`: the wall clock's word for `run.started`.
  static void started(WorkerStats& stats, const Run& run, std::uint64_t wall_us);
  static void ended(StageTimes& times, const Run& run, GroupCursor::Ended jobs,
                    Clock::time_point now);
  /// The handler's call has returned.
  static void returned(WorkerStats& stats, const Run& run, Clock::duration took);
  /// Jobs whose run has just ended will have another one, see StageTimes::retry_us.
  static void will_run_again(StageTimes& times, const Report& report, std::uint64_t wall_us);
  /// Takes back what `started` noted of jobs that will be started again; until then they waited for
  /// a runner.
  static void not_begun(StageTimes& times, const Run& run, GroupCursor::Ended jobs,
                        Clock::time_point now, std::uint64_t wall_us);

 private:
  /// The runners that a kind can have: its own, when it has a limit, else all.
  BusyTime& runners_of(std::uint32_t kind) { return own_[kind] ? *own_[kind] : all_; }

  BusyTime all_;
  std::vector<std::optional<BusyTime>> own_;
};

}  // namespace ferry::detail
