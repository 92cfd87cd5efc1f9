#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "batching/arrival.hpp"

namespace ferry::detail {

/// A job that waits under a latency budget.
struct BudgetJob {
  JobRef job;
  std::uint32_t bytes = 0;
  bool own_budget = false;
  Time at;        ///< when it reached the worker
  Time deadline;  ///< its budget is spent
  std::chrono::nanoseconds budget{0};
  Time expires = Time::max();
};

/// The jobs of one kind, batch key and priority: those that can be done in time, the earliest
/// deadline first, and apart the late ones in the order in which they were put aside.
///
/// Jobs mostly come in the order of their deadlines, so they are searched for and added from the
/// back.
///
/// Threads: one thread at a time.
class BudgetLane {
 public:
  /// `done_by`: see BudgetRule.
  void add(const BudgetJob& job, Time done_by);

  std::size_t jobs() const { return in_time_.size(); }
  std::size_t late_jobs() const { return late_.size(); }
  std::size_t bytes() const { return bytes_; }
  const BudgetJob& operator[](std::size_t i) const { return in_time_[i]; }
  const BudgetJob& first() const { return in_time_.front(); }
  const BudgetJob& first_late() const { return late_.front(); }
  const BudgetJob& last_late() const { return late_.back(); }

  /// Returns: how many would have to leave before or little after the first one: those due within
  /// its budget after it. The others are its passengers only where there is room.
  std::size_t peers() const;

  /// The first one is late.
  void put_aside();

  /// Moves up to so many from the front to `out`; one always goes.
  ///
  /// Returns: whether it was the bytes that let no more in.
  bool take(std::size_t most_jobs, std::size_t most_bytes, std::vector<JobRef>& out);
  bool take_late(std::size_t most_jobs, std::size_t most_bytes, std::vector<JobRef>& out);

  /// The same with late ones as long as they have expired.
  void take_expired(Time now, std::size_t most_jobs, std::vector<JobRef>& out);

  /// Moves up to so many late jobs to `out`, the last one first, as long as they have not expired
  /// by `until`.
  void take_last_late(std::size_t most_jobs, Time until, std::vector<JobRef>& out);

  /// Moves all to `out` of which that is true.
  void take_if(const std::function<bool(const JobRef&)>& which, std::vector<JobRef>& out);

  /// Moves up to so many to `out`: late ones, then those with the latest deadlines.
  void take_newest(std::size_t jobs, const std::function<bool(const JobRef&)>& which,
                   std::vector<JobRef>& out);

  /// The hold of those that are left begins.
  void begin_hold(Time now, Time done_by);
  void set_done_by(Time done_by) { done_by_ = done_by; }

  Time done_by() const { return done_by_; }  ///< the earliest of the jobs'
  Time held_since() const { return held_since_; }
  bool joined() const { return joined_; }  ///< a job has come since

  std::uint32_t flushed = 0;  ///< so many may leave at once

 private:
  std::deque<BudgetJob> in_time_;
  std::deque<BudgetJob> late_;
  std::size_t bytes_ = 0;  ///< of those in time
  Time done_by_ = Time::max();
  Time held_since_;
  bool joined_ = false;
};

}  // namespace ferry::detail
