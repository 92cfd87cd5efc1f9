#pragma once

// The jobs of one kind under a latency budget.
//
//   arrive ─> lane (batch key, priority) ─> held ──due, full, flush──> ready ─> leave
//                                                                       │ hopeless
//                                                                       └> late ─> leave, when
//                                             nobody in time needs the runner, or in their turn
//                                                 └> too many ─> back to Redis for a while

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "batching/arrival.hpp"
#include "batching/budget_lane.hpp"
#include "batching/budget_rule.hpp"
#include "batching/departure.hpp"
#include "batching/lane_heap.hpp"
#include "batching/lane_keys.hpp"
#include "batching/postponement.hpp"

namespace ferry::detail {

/// Decides when batches of a kind leave so that their latency budget is kept as cheaply as may be.
///
/// Earliest deadline first in a lane. Late jobs go last, so that they do not make others late as
/// well; but one departure in 64 is theirs, so that none waits for ever. Late jobs that have
/// expired leave at once, to be dropped instead of being run; so do those whose budget is spent
/// when the policy sheds their priority. Redis is first in, first out: were late jobs to use up
/// what the worker may hold, those behind them would be late as well when it gets to them. So the
/// last of them go back to Redis for a while when they become too many.
///
/// Threads: one thread at a time.
class BudgetLanes {
 public:
  static constexpr std::size_t late_turn_every = 64;

  /// `runners`: how many of this kind may run at once.
  BudgetLanes(std::uint32_t kind, const Policy& policy, std::size_t runners,
              PayloadBytes payload_bytes);

  void arrive(const Arrival& arrival);
  void flush(LeaveReason reason);

  /// `free_runners` of this kind: at least 1.
  ///
  /// Returns: what leaves next, if anything does now; its time is when it had to leave.
  std::optional<LaneHeap::Entry> ready(Time now, std::size_t free_runners);
  /// Right after `ready` returned something.
  Departure leave(Time now);

  /// Returns: when something is due that is not ready yet.
  std::optional<Time> due() const;

  /// As in Batcher. Returns: how many jobs may leave now that were held.
  std::size_t crowd_out(std::size_t jobs);
  void take_if(const std::function<bool(const JobRef&)>& which, std::vector<JobRef>& out);
  void take_newest(std::size_t jobs, const std::function<bool(const JobRef&)>& which,
                   std::vector<JobRef>& out);
  std::size_t jobs_in_time() const { return in_time_; }
  /// Lanes that have jobs in time, and lanes that have late ones.
  std::size_t lanes_in_time() const { return held_.size() + ready_.size(); }
  std::size_t late_lanes() const { return late_.size(); }

  void observe(const BudgetReport& report);
  /// So many of this kind may run at once from now on.
  void set_runners(std::size_t runners) { runners_ = runners; }
  void set_settling(std::chrono::nanoseconds time) { rule_.set_settling(time); }
  const BudgetRule& rule() const { return rule_; }

 private:
  enum class Place : std::uint8_t { empty, held, ready };

  struct Lane {
    BudgetLane jobs;
    bool crowded = false;  ///< its flushed jobs were `crowd_out`
    std::uint8_t priority = 0;
    bool keyed = false;
    Place place = Place::empty;
    Time due;                        ///< or when it turned out that it was
    Time watched_for = Time::max();  ///< its time in `sheds_`; the maximum = it is not in there
  };
  enum class Because : std::uint8_t { due, backlog, late, too_many_late };
  struct Choice {
    std::uint32_t lane = 0;
    Because why = Because::due;
  };

  std::uint32_t lane_of(const Arrival& arrival);
  bool may_leave(const Lane& lane, Time due, Time now) const;
  /// `due_before`: as computed last time; it may have passed while no runner was free.
  void place(std::uint32_t index, Time now, Time due_before = Time::max());
  void take_out(std::uint32_t index);
  void let_due_leave(Time now);
  void put_aside_hopeless(std::uint32_t index, Time now);
  /// Whenever the first jobs of a lane are others than before.
  void watch(std::uint32_t index);
  std::optional<LaneHeap::Entry> choose_shed(Time now);
  bool sheds(std::uint32_t index) const {
    return policy_.sheds(static_cast<Priority>(lanes_[index].priority));
  }
  /// A lane that is shed, for the others need not be in time to go first.
  bool goes_behind_late(std::uint32_t index) const;
  bool late_may_leave(Time now, std::size_t free_runners) const;
  std::optional<LaneHeap::Entry> choose_in_time(Time now, std::size_t free_runners);
  LeaveReason waited_for(const Lane& lane) const;
  void learn_gain(const Lane& lane, LeaveReason reason);
  bool first_late_expired(Time now) const;
  std::size_t most_late() const;
  std::optional<std::uint32_t> lane_to_postpone(Time now) const;
  void late_have_left(std::uint32_t index, std::size_t jobs);
  Departure leave_late(std::uint32_t index, Time now);
  Departure postpone(std::uint32_t index, Time now);
  void release_if_empty(std::uint32_t index);
  /// Lets `take` remove jobs of a lane, in time or late, from any place in it.
  void rework(std::uint32_t index, const std::function<void(BudgetLane&)>& take);

  std::uint32_t kind_;
  Policy policy_;
  PayloadBytes payload_bytes_;
  std::size_t runners_;
  BudgetRule rule_;
  Postponement postponement_;
  bool stopping_ = false;
  bool dues_changed_ = false;
  std::size_t in_time_ = 0;  ///< jobs
  std::size_t late_jobs_ = 0;
  std::size_t since_late_ = 0;
  Choice chosen_;
  Time last_shed_ = Time::min();

  /// The first ones are those without a batch key, by priority.
  std::vector<Lane> lanes_;
  std::vector<std::uint32_t> spare_lanes_;
  LaneKeys keys_;
  std::vector<std::uint32_t> places_;
  std::vector<std::uint32_t> late_places_;
  std::vector<std::uint32_t> shed_places_;
  LaneHeap held_;   ///< by due time
  LaneHeap ready_;  ///< by priority and due time
  LaneHeap late_;   ///< those with late jobs, by priority and deadline
  LaneHeap sheds_;  ///< of a priority that is shed, by the next moment at which jobs may have to go
};

}  // namespace ferry::detail
