#include "batching/batcher.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace ferry::detail {
namespace {

/// What comes with one fetch or the next joins a batch although its first job has waited long
/// enough in Redis.
constexpr std::chrono::milliseconds least_hold{2};

/// Returns: since when a job waits for company. Its time in Redis counts: there it waited for the
/// same.
Time held_from(const Arrival& arrival, const Policy& policy) {
  if (policy.kind != PolicyKind::fixed || arrival.queued == std::chrono::nanoseconds::max()) {
    return arrival.at;
  }
  const std::chrono::nanoseconds linger = policy.linger;
  const auto most = linger - std::min<std::chrono::nanoseconds>(linger, least_hold);
  return arrival.at - std::min(arrival.queued, most);
}

}  // namespace

Batcher::Batcher(std::vector<KindSettings> kinds, std::size_t total_concurrency,
                 PayloadBytes payload_bytes)
    : total_concurrency_(std::max<std::size_t>(1, total_concurrency)),
      payload_bytes_(payload_bytes) {
  kinds_.reserve(kinds.size());
  for (KindSettings& settings : kinds) {
    if (settings.concurrency == 0) settings.concurrency = total_concurrency_;
    const auto kind = static_cast<std::uint32_t>(kinds_.size());
    kinds_.emplace_back().settings = settings;
    kinds_.back().allowed = settings.concurrency;
    if (settings.policy.kind == PolicyKind::latency_budget) {
      kinds_.back().budget = std::make_unique<BudgetLanes>(
          kind, settings.policy, std::min(settings.concurrency, total_concurrency_), payload_bytes);
    }
    for (std::uint8_t priority = 0; priority < priority_count; ++priority) {
      for (const auto suspect : {Suspect::no, Suspect::once, Suspect::again}) {
        Lane& lane = lanes_.emplace_back();
        lane.kind = kind;
        lane.priority = priority;
        lane.suspect = suspect;
      }
    }
  }
  places_.resize(lanes_.size());
}

void Batcher::arrive(const Arrival& arrival) {
  assert(arrival.kind < kinds_.size() && arrival.priority < priority_count);
  assert(arrival.jobs == 1 || payload_bytes_ != nullptr);
  Kind& kind = kinds_[arrival.kind];
  if (kind.budget != nullptr && arrival.suspect == Suspect::no) {
    kind.budget->arrive(arrival);
    kind.waiting += arrival.jobs;
    held_jobs_ += arrival.jobs;
    return;
  }
  const std::uint32_t index = lane_of(arrival);
  Lane& lane = lanes_[index];
  append(lane, {arrival.job, held_from(arrival, kind.settings.policy), arrival.jobs,
                arrival.payload_bytes, none});
  if (lane.place == Place::empty) {
    place(index);
  } else if (lane.place == Place::held) {
    kind.held_jobs += arrival.jobs;
    if (may_leave(lane, kind)) make_ready(index);
  }
}

void Batcher::runner_free(std::uint32_t kind, Suspect suspect) {
  Kind& freed = kinds_[kind];
  assert(freed.running > 0 && running_ > 0);
  assert(suspect == Suspect::no || running_suspects_ > 0);
  --freed.running;
  --running_;
  if (suspect != Suspect::no) --running_suspects_;
  if (suspect == Suspect::again) running_again_ = false;
}

void Batcher::flush(LeaveReason reason) {
  stopping_ = stopping_ || reason == LeaveReason::stop;
  for (std::uint32_t index = 0; index < lanes_.size(); ++index) {
    Lane& lane = lanes_[index];
    lane.flushed = lane.jobs;
    if (lane.place == Place::held) make_ready(index);
  }
  for (Kind& kind : kinds_) {
    if (kind.budget != nullptr) kind.budget->flush(reason);
  }
}

void Batcher::ran(std::uint32_t kind, const BudgetReport& report) {
  if (kinds_[kind].budget != nullptr) kinds_[kind].budget->observe(report);
}

void Batcher::set_settling(std::chrono::nanoseconds time) {
  for (Kind& kind : kinds_) {
    if (kind.budget != nullptr) kind.budget->set_settling(time);
  }
}

void Batcher::set_concurrency(std::uint32_t kind, std::size_t departures) {
  Kind& set = kinds_[kind];
  set.allowed = std::clamp<std::size_t>(departures, 1, set.settings.concurrency);
  if (set.budget != nullptr) set.budget->set_runners(std::min(set.allowed, total_concurrency_));
}

void Batcher::set_group(std::uint32_t kind, std::size_t jobs) {
  kinds_[kind].group = std::max<std::size_t>(1, jobs);
}

void Batcher::set_suspect_group(std::uint32_t kind, std::size_t jobs) {
  kinds_[kind].suspect_group = std::max<std::size_t>(1, jobs);
}

std::optional<Departure> Batcher::next(Time now) {
  if (running_ >= total_concurrency_) return std::nullopt;
  std::optional<LaneHeap::Entry> first;
  Kind* first_budget = nullptr;  // whose lanes it is of, if under a latency budget
  const auto consider = [&](const LaneHeap::Entry& entry, Kind* budget) {
    if (first && !LaneHeap::before(entry, *first)) return;
    first = entry;
    first_budget = budget;
  };
  for (Kind& kind : kinds_) {
    const std::size_t free = free_runners(kind);
    if (free == 0) continue;
    let_lingered_leave(kind, now);
    if (!kind.ready.empty()) consider(kind.ready.top(), nullptr);
    if (!running_again_ && !kind.suspects.empty()) consider(kind.suspects.top(), nullptr);
    if (running_suspects_ == 0 && !kind.suspects_again.empty()) {
      consider(kind.suspects_again.top(), nullptr);
    }
    if (kind.budget == nullptr) continue;
    if (const auto entry = kind.budget->ready(now, free)) consider(*entry, &kind);
  }
  if (!first) return std::nullopt;
  if (first_budget == nullptr) return leave(first->lane);
  Departure departure = first_budget->budget->leave(now);
  first_budget->waiting -= departure.jobs.size();
  held_jobs_ -= departure.jobs.size();
  take_runner(*first_budget);
  return departure;
}

std::optional<Time> Batcher::due() const {
  std::optional<Time> earliest;
  const auto consider = [&](Time due) {
    if (!earliest || due < *earliest) earliest = due;
  };
  for (const Kind& kind : kinds_) {
    if (free_runners(kind) == 0) continue;
    if (!kind.held.empty()) consider(kind.held.top().at + kind.settings.policy.linger);
    if (kind.budget == nullptr) continue;
    if (const auto due = kind.budget->due()) consider(*due);
  }
  return earliest;
}

std::size_t Batcher::held_jobs(std::uint32_t kind) const {
  const Kind& one = kinds_[kind];
  if (one.budget == nullptr) return one.held_jobs;
  // With a handler free, what is in time and still here waits because the rule says so.
  return free_runners(one) > 0 ? one.budget->jobs_in_time() : 0;
}

std::size_t Batcher::ready_lanes(std::uint32_t kind) const {
  const Kind& one = kinds_[kind];
  const std::size_t lanes = one.ready.size() + one.suspects.size() + one.suspects_again.size();
  if (one.budget == nullptr) return lanes;
  const bool all_ready = held_jobs(kind) == 0;
  return lanes + one.budget->late_lanes() + (all_ready ? one.budget->lanes_in_time() : 0);
}

void Batcher::take_runner(Kind& kind) {
  ++kind.running;
  ++running_;
}

std::uint32_t Batcher::lane_of(const Arrival& arrival) {
  if (arrival.batch_key.empty() || arrival.suspect != Suspect::no) {
    const auto priorities = static_cast<std::uint32_t>(priority_count);
    return (arrival.kind * priorities + arrival.priority) * 3 +
           static_cast<std::uint32_t>(arrival.suspect);
  }
  const auto known = keys_.find({arrival.kind, arrival.priority, arrival.batch_key});
  return known ? *known : make_keyed_lane(arrival);
}

std::uint32_t Batcher::make_keyed_lane(const Arrival& arrival) {
  std::uint32_t index = 0;
  if (spare_lanes_.empty()) {
    index = static_cast<std::uint32_t>(lanes_.size());
    lanes_.emplace_back();
    places_.emplace_back();
  } else {
    index = spare_lanes_.back();
    spare_lanes_.pop_back();
  }
  Lane& lane = lanes_[index];
  lane.kind = arrival.kind;
  lane.priority = arrival.priority;
  lane.keyed = true;
  keys_.add({arrival.kind, arrival.priority, arrival.batch_key}, index);
  return index;
}

void Batcher::append(Lane& lane, const Waiting& more) {
  std::uint32_t slot = spare_waiting_;
  if (slot == none) {
    slot = static_cast<std::uint32_t>(waiting_.size());
    waiting_.emplace_back();
  } else {
    spare_waiting_ = waiting_[slot].next;
  }
  waiting_[slot] = more;
  if (lane.jobs == 0) {
    lane.first = slot;
  } else {
    waiting_[lane.last].next = slot;
  }
  lane.last = slot;
  lane.jobs += more.jobs;
  lane.bytes += more.bytes;
  kinds_[lane.kind].waiting += more.jobs;
  held_jobs_ += more.jobs;
}

void Batcher::take(Lane& lane, std::uint32_t jobs, std::uint32_t bytes, std::vector<JobRef>& out) {
  const std::uint32_t slot = lane.first;
  Waiting& from = waiting_[slot];
  for (std::uint32_t i = 0; i < jobs; ++i) {
    out.push_back({from.first.token, from.first.index + i});
  }
  lane.jobs -= jobs;
  lane.bytes -= bytes;
  lane.flushed -= std::min(lane.flushed, jobs);
  lane.crowded = lane.crowded && lane.flushed > 0;
  kinds_[lane.kind].waiting -= jobs;
  held_jobs_ -= jobs;
  from.first.index += jobs;
  from.jobs -= jobs;
  from.bytes -= bytes;
  if (from.jobs > 0) return;
  lane.first = from.next;
  from.next = spare_waiting_;
  spare_waiting_ = slot;
}

LaneHeap& Batcher::leaving(const Lane& lane, Kind& kind) {
  if (lane.suspect == Suspect::no) return kind.ready;
  return lane.suspect == Suspect::once ? kind.suspects : kind.suspects_again;
}

bool Batcher::may_leave(const Lane& lane, const Kind& kind) const {
  const Policy& policy = kind.settings.policy;
  return lane.suspect != Suspect::no || policy.kind == PolicyKind::realtime || stopping_ ||
         lane.flushed > 0 || lane.jobs >= policy.max_jobs || lane.bytes >= policy.max_bytes;
}

void Batcher::place(std::uint32_t index) {
  Lane& lane = lanes_[index];
  Kind& kind = kinds_[lane.kind];
  const Time first_at = waiting_[lane.first].at;
  if (may_leave(lane, kind)) {
    lane.place = Place::ready;
    leaving(lane, kind).push({lane.priority, first_at, index}, places_);
  } else {
    // Rank 0 for all: the priority says who goes first, not who waits longer.
    lane.place = Place::held;
    kind.held_jobs += lane.jobs;
    kind.held.push({0, first_at, index}, places_);
  }
}

void Batcher::unplace(std::uint32_t index) {
  Lane& lane = lanes_[index];
  Kind& kind = kinds_[lane.kind];
  if (lane.place == Place::held) {
    kind.held_jobs -= lane.jobs;
    kind.held.remove(index, places_);
  } else if (lane.place == Place::ready) {
    leaving(lane, kind).remove(index, places_);
  }
  lane.place = Place::empty;
}

void Batcher::make_ready(std::uint32_t index) {
  Lane& lane = lanes_[index];
  Kind& kind = kinds_[lane.kind];
  unplace(index);
  lane.place = Place::ready;
  kind.ready.push({lane.priority, waiting_[lane.first].at, index}, places_);
}

void Batcher::let_lingered_leave(Kind& kind, Time now) {
  while (!kind.held.empty() && kind.held.top().at + kind.settings.policy.linger <= now) {
    make_ready(kind.held.top().lane);
  }
}

std::size_t Batcher::free_runners(const Kind& kind) const {
  if (kind.running >= kind.allowed || running_ >= total_concurrency_) return 0;
  return std::min(kind.allowed - kind.running, total_concurrency_ - running_);
}

std::size_t Batcher::most_jobs(const Lane& lane, const Kind& kind) const {
  const Policy& policy = kind.settings.policy;
  if (lane.suspect == Suspect::again) return 1;
  const bool grouped =
      kind.settings.per_job && policy.kind == PolicyKind::realtime && policy.max_jobs == 1;
  if (lane.suspect == Suspect::once) {
    return std::min(most_suspects, grouped ? kind.suspect_group : policy.max_jobs);
  }
  if (!grouped) return policy.max_jobs;
  // No runner may stand idle while another one has a second job in its group.
  const std::size_t runners = free_runners(kind);
  return std::min(kind.group, (kind.waiting + runners - 1) / runners);
}

LeaveReason Batcher::waited_for(const Lane& lane, const Kind& kind) const {
  if (lane.suspect != Suspect::no) return LeaveReason::suspect;
  if (kind.settings.policy.kind == PolicyKind::realtime) return LeaveReason::idle;
  if (stopping_) return LeaveReason::stop;
  if (lane.flushed == 0) return LeaveReason::linger;
  return lane.crowded ? LeaveReason::crowded : LeaveReason::flush;
}

LeaveReason Batcher::reason_of(const Kind& kind, std::size_t jobs, bool bytes_full,
                               LeaveReason waited) const {
  const Policy& policy = kind.settings.policy;
  const bool one_at_a_time = policy.kind == PolicyKind::realtime && policy.max_jobs == 1;
  if (waited == LeaveReason::suspect) return waited;
  if (jobs >= policy.max_jobs && !one_at_a_time) return LeaveReason::size;
  return bytes_full ? LeaveReason::bytes : waited;
}

bool Batcher::fill(Lane& lane, std::size_t most_jobs, std::size_t most_bytes,
                   std::vector<JobRef>& out) {
  std::size_t bytes = 0;
  while (out.size() < most_jobs && bytes < most_bytes) {
    const Waiting& first = waiting_[lane.first];
    std::uint32_t jobs = first.jobs;
    std::uint32_t more = first.bytes;
    if (jobs > 1 && (out.size() + jobs > most_jobs || bytes + more > most_bytes)) {
      jobs = 1;
      more = payload_bytes_(first.first);
    }
    if (bytes + more > most_bytes && !out.empty()) return true;
    take(lane, jobs, more, out);
    bytes += more;
  }
  return bytes >= most_bytes;
}

Departure Batcher::leave(std::uint32_t index) {
  Lane& lane = lanes_[index];
  Kind& kind = kinds_[lane.kind];
  const LeaveReason waited = waited_for(lane, kind);
  const std::size_t most = std::min<std::size_t>(lane.jobs, most_jobs(lane, kind));

  Departure departure;
  departure.kind = lane.kind;
  departure.suspect = lane.suspect;
  departure.jobs.reserve(most);
  unplace(index);
  const bool bytes_full = fill(lane, most, kind.settings.policy.max_bytes, departure.jobs);
  departure.reason = reason_of(kind, departure.jobs.size(), bytes_full, waited);
  take_runner(kind);
  if (lane.suspect != Suspect::no) ++running_suspects_;
  if (lane.suspect == Suspect::again) running_again_ = true;
  after_leave(index);
  return departure;
}

void Batcher::after_leave(std::uint32_t index) {
  Lane& lane = lanes_[index];
  if (lane.jobs > 0) return place(index);
  if (!lane.keyed) return;
  keys_.remove(index);
  spare_lanes_.push_back(index);
}

}  // namespace ferry::detail
