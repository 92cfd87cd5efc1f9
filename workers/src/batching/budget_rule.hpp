#pragma once

#include <chrono>
#include <cstddef>

#include "batching/budget_dial.hpp"
#include "batching/budget_lane.hpp"
#include "batching/departure.hpp"
#include "batching/hold_gain.hpp"
#include "batching/run_time_model.hpp"
#include "batching/runner_time.hpp"
#include "batching/start_delay.hpp"
#include "ferry/policy.hpp"

namespace ferry::detail {

/// What a kind under a latency budget has learned, and what follows from it.
///
///   done by  = enqueued + dial · budget, of the earliest job
///   due      = done by − predicted run time − settling − timer slack − usual wait for a runner
///
/// Whatever it does not know or has learned wrongly makes batches leave earlier: before it has seen
/// runs it is real-time. Jobs with a budget of their own have a dial of their own, as few jobs with
/// a short budget would drown in the count of the others.
///
/// Threads: one thread at a time.
class BudgetRule {
 public:
  using Duration = std::chrono::nanoseconds;

  /// What a timer and a wake-up may be late.
  static constexpr Duration timer_slack{500'000};

  explicit BudgetRule(const Policy& policy) : policy_(policy) {}

  Duration budget() const { return policy_.budget; }

  /// Returns: when the job should be settled.
  Time done_by(const BudgetJob& job) const;
  /// Returns: the earliest of the first few jobs'; those behind them have later deadlines.
  Time done_by(const BudgetLane& lane) const;

  /// Returns: when the lane's batch has to start; `Time::min()` when to wait gains nothing.
  Time due(const BudgetLane& lane) const;
  bool waits_for_nothing() const { return !model_.knows() || !gain_.expected(); }

  /// Whether the first job cannot be done in time together with as many of its peers as make a
  /// worthwhile batch. Under overload the first job always is about to be late, and to hurry for it
  /// would make small batches, which do fewer jobs than there are, so that the next one is late
  /// too.
  bool is_hopeless(const BudgetLane& lane, Time now) const;

  /// Returns: with how many jobs a batch of this lane leaves now: all peers of the first that can
  /// be done before its deadline, and more where that costs none of the time the dial reserves or
  /// leaves half of what there is.
  std::size_t size(const BudgetLane& lane, Time now) const;

  /// Returns: with how many of so many late jobs a batch leaves, so that those in time need not
  /// wait long.
  std::size_t late_size(std::size_t jobs) const;
  Duration late_run_time(std::size_t jobs) const;

  /// Returns: whether so many waiting jobs are as many as so many free runners can take, that is
  /// within their budget and with a fixed part that hardly counts.
  bool is_backlog(std::size_t waiting, std::size_t free_runners) const;

  /// A batch that was due leaves so much later.
  void started(Duration after_due) { delay_.observe(after_due); }

  /// Returns: whether the due times of those that wait have changed noticeably.
  bool observe(const BudgetReport& report);
  /// What it takes from the end of a run to Redis's word.
  void set_settling(Duration time) { settling_ = time; }

  /// A batch has left that was held, or was not since nothing was to be gained.
  void held(bool joined) { gain_.held(joined); }
  void not_held() { gain_.not_held(); }

  const RunTimeModel& model() const { return model_; }
  const RunnerTime& runner_time() const { return runner_time_; }
  double dial() const { return usual_.value(); }
  double own_dial() const { return own_.value(); }

 private:
  Duration margin() const { return timer_slack + settling_; }

  Policy policy_;
  RunTimeModel model_;
  RunnerTime runner_time_;
  BudgetDial usual_;
  BudgetDial own_;
  HoldGain gain_;
  StartDelay delay_;
  Duration settling_{0};
  Duration told_{0};  ///< the prediction for one job when due times last changed
};

}  // namespace ferry::detail
