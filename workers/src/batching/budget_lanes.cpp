#include "batching/budget_lanes.hpp"

#include <algorithm>
#include <cassert>

#include "ferry/job.hpp"

namespace ferry::detail {

using namespace std::chrono_literals;

BudgetLanes::BudgetLanes(std::uint32_t kind, const Policy& policy, std::size_t runners,
                         PayloadBytes payload_bytes)
    : kind_(kind),
      policy_(policy),
      payload_bytes_(payload_bytes),
      runners_(runners),
      rule_(policy),
      lanes_(priority_count),
      places_(priority_count),
      late_places_(priority_count),
      shed_places_(priority_count) {
  for (std::uint8_t priority = 0; priority < priority_count; ++priority) {
    lanes_[priority].priority = priority;
  }
}

std::uint32_t BudgetLanes::lane_of(const Arrival& arrival) {
  if (arrival.batch_key.empty()) return arrival.priority;
  const LaneKeys::View key{kind_, arrival.priority, arrival.batch_key};
  if (const auto known = keys_.find(key)) return *known;
  auto index = static_cast<std::uint32_t>(lanes_.size());
  if (spare_lanes_.empty()) {
    lanes_.emplace_back();
    places_.emplace_back();
    late_places_.emplace_back();
    shed_places_.emplace_back();
  } else {
    index = spare_lanes_.back();
    spare_lanes_.pop_back();
  }
  lanes_[index].priority = arrival.priority;
  lanes_[index].keyed = true;
  keys_.add(key, index);
  return index;
}

void BudgetLanes::arrive(const Arrival& arrival) {
  const std::uint32_t index = lane_of(arrival);
  Lane& lane = lanes_[index];
  BudgetJob job;
  job.job = arrival.job;
  job.bytes = arrival.payload_bytes;
  job.own_budget = arrival.budget.count() > 0;
  job.at = arrival.at;
  job.budget = job.own_budget ? arrival.budget : rule_.budget();
  job.expires = arrival.expires;
  job.deadline = arrival.at - arrival.age + job.budget;
  if (policy_.sheds(static_cast<Priority>(arrival.priority))) {
    // The younger of two ages: no clock that is wrong, no delay and no retry makes jobs be shed.
    const Time shed_at = arrival.at - std::min(arrival.age, arrival.queued) + job.budget;
    job.expires = std::min(job.expires, shed_at);
  }
  const Time done_by = rule_.done_by(job);
  for (std::uint32_t i = 0; i < arrival.jobs; ++i) {
    if (arrival.jobs > 1) job.bytes = payload_bytes_(job.job);
    lane.jobs.add(job, done_by);
    ++job.job.index;
  }
  in_time_ += arrival.jobs;
  watch(index);
  if (lane.place == Place::ready) return;
  const Time due_before = lane.place == Place::held ? lane.due : Time::max();
  if (lane.place == Place::held) take_out(index);
  place(index, arrival.at, due_before);
}

bool BudgetLanes::may_leave(const Lane& lane, Time due, Time now) const {
  return stopping_ || lane.jobs.flushed > 0 || due <= now || lane.jobs.jobs() >= policy_.max_jobs ||
         lane.jobs.bytes() >= policy_.max_bytes;
}

void BudgetLanes::place(std::uint32_t index, Time now, Time due_before) {
  Lane& lane = lanes_[index];
  const Time due = rule_.due(lane.jobs);
  if (may_leave(lane, due, now)) {
    lane.place = Place::ready;
    lane.due = std::min(std::max(due, now), due_before);
    // Beside other kinds it counts from its arrival, like theirs, when it waited for nothing.
    ready_.push({lane.priority, std::max(due, lane.jobs.first().at), index}, places_);
  } else {
    // Rank 0 for all: the priority says who goes first, not who waits longer.
    lane.place = Place::held;
    lane.due = due;
    held_.push({0, due, index}, places_);
  }
}

void BudgetLanes::take_out(std::uint32_t index) {
  Lane& lane = lanes_[index];
  (lane.place == Place::held ? held_ : ready_).remove(index, places_);
  lane.place = Place::empty;
}

void BudgetLanes::flush(LeaveReason reason) {
  stopping_ = stopping_ || reason == LeaveReason::stop;
  for (std::uint32_t index = 0; index < lanes_.size(); ++index) {
    Lane& lane = lanes_[index];
    if (lane.place == Place::empty) continue;
    lane.jobs.flushed = static_cast<std::uint32_t>(lane.jobs.jobs());
    if (lane.place == Place::ready) continue;
    take_out(index);
    place(index, Time::min());
  }
}

void BudgetLanes::let_due_leave(Time now) {
  if (dues_changed_) {
    for (std::uint32_t index = 0; index < lanes_.size(); ++index) {
      if (lanes_[index].place != Place::held) continue;
      BudgetLane& jobs = lanes_[index].jobs;
      jobs.set_done_by(rule_.done_by(jobs));
      take_out(index);
      place(index, now, lanes_[index].due);
    }
    dues_changed_ = false;
  }
  while (!held_.empty() && held_.top().at <= now) {
    const std::uint32_t index = held_.top().lane;
    take_out(index);
    place(index, now, lanes_[index].due);
  }
}

void BudgetLanes::put_aside_hopeless(std::uint32_t index, Time now) {
  Lane& lane = lanes_[index];
  const bool had_late = lane.jobs.late_jobs() > 0;
  std::size_t put_aside = 0;
  while (lane.jobs.jobs() > 0 && rule_.is_hopeless(lane.jobs, now)) {
    lane.jobs.put_aside();
    ++put_aside;
  }
  if (put_aside == 0) return;
  in_time_ -= put_aside;
  late_jobs_ += put_aside;
  if (!had_late) late_.push({lane.priority, lane.jobs.first_late().deadline, index}, late_places_);
  if (lane.jobs.jobs() == 0) {
    rule_.started(now - lane.due);
    return take_out(index);
  }
  lane.jobs.set_done_by(rule_.done_by(lane.jobs));
  if (may_leave(lane, rule_.due(lane.jobs), now)) return;
  take_out(index);
  place(index, now);
}

std::optional<LaneHeap::Entry> BudgetLanes::choose_in_time(Time now, std::size_t free_runners) {
  while (!ready_.empty()) {
    const LaneHeap::Entry entry = ready_.top();
    if (!stopping_) put_aside_hopeless(entry.lane, now);
    if (lanes_[entry.lane].place != Place::ready) continue;
    chosen_ = {entry.lane, Because::due};
    return entry;
  }
  if (held_.empty() || !rule_.is_backlog(in_time_, free_runners)) return std::nullopt;
  chosen_ = {held_.top().lane, Because::backlog};
  return LaneHeap::Entry{lanes_[chosen_.lane].priority, lanes_[chosen_.lane].jobs.first().at,
                         chosen_.lane};
}

void BudgetLanes::watch(std::uint32_t index) {
  Lane& lane = lanes_[index];
  if (!sheds(index)) return;
  Time at = Time::max();
  if (lane.jobs.jobs() > 0) at = lane.jobs.first().deadline;
  if (lane.jobs.late_jobs() > 0) at = std::min(at, lane.jobs.first_late().expires);
  if (at == lane.watched_for) return;
  if (lane.watched_for != Time::max()) sheds_.remove(index, shed_places_);
  lane.watched_for = at;
  if (at != Time::max()) sheds_.push({0, at, index}, shed_places_);
}

std::optional<LaneHeap::Entry> BudgetLanes::choose_shed(Time now) {
  while (!sheds_.empty() && sheds_.top().at <= now) {
    // Of rank 0: to drop them takes no time, and it makes room for others.
    const LaneHeap::Entry entry = sheds_.top();
    put_aside_hopeless(entry.lane, now);
    const BudgetLane& jobs = lanes_[entry.lane].jobs;
    if (jobs.late_jobs() > 0 && jobs.first_late().expires <= now) {
      chosen_ = {entry.lane, Because::late};
      return entry;
    }
    watch(entry.lane);
  }
  return std::nullopt;
}

bool BudgetLanes::goes_behind_late(std::uint32_t index) const {
  return !late_.empty() && sheds(index) && !sheds(late_.top().lane);
}

bool BudgetLanes::late_may_leave(Time now, std::size_t free_runners) const {
  if (late_.empty()) return false;
  if (first_late_expired(now)) return true;
  if (free_runners > 1 || held_.empty() || stopping_) return true;
  return now + rule_.late_run_time(lanes_[late_.top().lane].jobs.late_jobs()) <= held_.top().at;
}

std::optional<LaneHeap::Entry> BudgetLanes::ready(Time now, std::size_t free_runners) {
  let_due_leave(now);
  if (const auto shed = choose_shed(now)) return shed;
  if (const auto lane = lane_to_postpone(now)) {
    chosen_ = {*lane, Because::too_many_late};
    return LaneHeap::Entry{0, Time::min(), *lane};
  }
  bool late_turn =
      !late_.empty() && (since_late_ + 1 >= late_turn_every || first_late_expired(now));
  if (!late_turn) {
    const auto in_time = choose_in_time(now, free_runners);
    if (in_time && !goes_behind_late(in_time->lane)) return in_time;
    late_turn = in_time.has_value();
  }
  if (!late_turn && !late_may_leave(now, free_runners)) return std::nullopt;
  chosen_ = {late_.top().lane, Because::late};
  return late_.top();
}

bool BudgetLanes::first_late_expired(Time now) const {
  return !late_.empty() && lanes_[late_.top().lane].jobs.first_late().expires <= now;
}

/// As many as the runners can take at once may stay, half of what a worker holds at least; and what
/// they can do in a tenth of a second, a quarter of what it holds usually.
std::size_t BudgetLanes::most_late() const {
  const auto job_time = rule_.runner_time().per_job();
  if (!rule_.runner_time().settled() || job_time.count() == 0) return SIZE_MAX;
  const auto soon = static_cast<std::size_t>(BudgetRule::Duration(100ms) / job_time);
  return runners_ * std::max(policy_.max_jobs, soon);
}

std::optional<std::uint32_t> BudgetLanes::lane_to_postpone(Time now) const {
  if (stopping_ || late_.empty() || late_jobs_ <= most_late()) return std::nullopt;
  const auto may_wait = [&](std::uint32_t index) {
    const BudgetLane& jobs = lanes_[index].jobs;
    return jobs.late_jobs() > 0 && jobs.last_late().expires > now + Postponement::least;
  };
  for (std::uint32_t index = priority_count; index-- > 0;) {
    if (may_wait(index)) return index;
  }
  const std::uint32_t index = late_.last().lane;
  if (may_wait(index)) return index;
  return std::nullopt;
}

Departure BudgetLanes::postpone(std::uint32_t index, Time now) {
  Departure departure{kind_, LeaveReason::backlog, Suspect::no, {}, true};
  // Of those that come back together, none should have to go back again.
  const std::size_t some = std::max<std::size_t>(1, most_late() / 2);
  lanes_[index].jobs.take_last_late(std::min(some, late_jobs_ - some), now + Postponement::least,
                                    departure.jobs);
  departure.postponed_for = postponement_.next(
      departure.jobs.size(), rule_.runner_time().per_job() / static_cast<int>(runners_),
      rule_.runner_time().in_time_share(), now);
  late_have_left(index, departure.jobs.size());
  return departure;
}

void BudgetLanes::late_have_left(std::uint32_t index, std::size_t jobs) {
  Lane& lane = lanes_[index];
  late_jobs_ -= jobs;
  late_.remove(index, late_places_);
  if (lane.jobs.late_jobs() > 0) {
    late_.push({lane.priority, lane.jobs.first_late().deadline, index}, late_places_);
  }
  release_if_empty(index);
}

Departure BudgetLanes::leave_late(std::uint32_t index, Time now) {
  Lane& lane = lanes_[index];
  Departure departure{kind_, LeaveReason::backlog, Suspect::no, {}, true};
  if (lane.jobs.first_late().expires <= now) {
    lane.jobs.take_expired(now, policy_.max_jobs, departure.jobs);
    departure.shed = sheds(index);
    if (departure.shed) last_shed_ = now;
  } else {
    const std::size_t most = rule_.late_size(lane.jobs.late_jobs());
    departure.jobs.reserve(most);
    lane.jobs.take_late(most, policy_.max_bytes, departure.jobs);
    since_late_ = 0;
  }
  late_have_left(index, departure.jobs.size());
  return departure;
}

Departure BudgetLanes::leave(Time now) {
  const std::uint32_t index = chosen_.lane;
  if (chosen_.why == Because::too_many_late) return postpone(index, now);
  if (chosen_.why == Because::late) return leave_late(index, now);
  Lane& lane = lanes_[index];
  take_out(index);
  Departure departure{kind_, LeaveReason::deadline, Suspect::no, {}};
  std::size_t most =
      stopping_ ? policy_.max_jobs : std::min(lane.jobs.jobs(), rule_.size(lane.jobs, now));
  if (sheds(index) && now < last_shed_ + rule_.budget()) {
    // There is too much to do: full batches would make those wait who are kept.
    most = std::min(most, rule_.late_size(lane.jobs.jobs()));
  }
  departure.jobs.reserve(std::min(most, lane.jobs.jobs()));
  const LeaveReason waited = waited_for(lane);
  if (waited == LeaveReason::deadline) rule_.started(now - lane.due);
  const bool bytes_full = lane.jobs.take(most, policy_.max_bytes, departure.jobs);
  departure.reason = departure.jobs.size() >= policy_.max_jobs ? LeaveReason::size
                     : bytes_full                              ? LeaveReason::bytes
                                                               : waited;
  learn_gain(lane, departure.reason);
  lane.crowded = lane.crowded && lane.jobs.flushed > 0;
  in_time_ -= departure.jobs.size();
  ++since_late_;
  if (lane.jobs.jobs() > 0) {
    lane.jobs.begin_hold(now, rule_.done_by(lane.jobs));
    place(index, now);
  }
  release_if_empty(index);
  return departure;
}

LeaveReason BudgetLanes::waited_for(const Lane& lane) const {
  if (stopping_) return LeaveReason::stop;
  if (lane.jobs.flushed > 0) return lane.crowded ? LeaveReason::crowded : LeaveReason::flush;
  if (chosen_.why == Because::backlog) return LeaveReason::backlog;
  if (!rule_.model().knows()) return LeaveReason::idle;
  if (rule_.waits_for_nothing()) return LeaveReason::no_gain;
  // The dial or the run time left nothing to wait with.
  return rule_.due(lane.jobs) <= lane.jobs.held_since() ? LeaveReason::idle : LeaveReason::deadline;
}

void BudgetLanes::learn_gain(const Lane& lane, LeaveReason reason) {
  switch (reason) {
    case LeaveReason::no_gain:
      return rule_.not_held();
    case LeaveReason::deadline:
      return rule_.held(lane.jobs.joined());
    case LeaveReason::size:
    case LeaveReason::bytes:
      if (lane.jobs.joined()) rule_.held(true);
      return;
    default:
      return;
  }
}

void BudgetLanes::release_if_empty(std::uint32_t index) {
  Lane& lane = lanes_[index];
  watch(index);
  if (!lane.keyed || lane.jobs.jobs() > 0 || lane.jobs.late_jobs() > 0) return;
  keys_.remove(index);
  spare_lanes_.push_back(index);
}

std::optional<Time> BudgetLanes::due() const {
  if (held_.empty()) return std::nullopt;
  return held_.top().at;
}

void BudgetLanes::observe(const BudgetReport& report) {
  dues_changed_ = rule_.observe(report) || dues_changed_;
}

}  // namespace ferry::detail
