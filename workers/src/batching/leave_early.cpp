// Jobs that leave before they can run: given back, or let go because there is no room to hold them.
#include <algorithm>
#include <chrono>

#include "batching/batcher.hpp"

namespace ferry::detail {

void Batcher::crowd_out(std::size_t jobs) {
  std::size_t out = 0;
  while (out < jobs) {
    Kind* oldest = nullptr;
    for (Kind& kind : kinds_) {
      if (kind.held.empty()) continue;
      if (oldest == nullptr || kind.held.top().at < oldest->held.top().at) oldest = &kind;
    }
    if (oldest == nullptr) break;
    const std::uint32_t index = oldest->held.top().lane;
    Lane& lane = lanes_[index];
    lane.flushed = lane.jobs;
    lane.crowded = true;
    out += lane.jobs;
    make_ready(index);
  }
  for (Kind& kind : kinds_) {
    if (out < jobs && kind.budget != nullptr) out += kind.budget->crowd_out(jobs - out);
  }
}

std::vector<JobRef> Batcher::take_newest(std::uint32_t kind, std::size_t jobs, const Which& which) {
  std::vector<JobRef> taken;
  if (BudgetLanes* budget = kinds_[kind].budget.get(); budget != nullptr) {
    budget->take_newest(jobs, which, taken);
    kinds_[kind].waiting -= taken.size();
    held_jobs_ -= taken.size();
    return taken;
  }
  for (std::uint8_t priority = priority_count; priority-- > 0;) {
    for (std::uint32_t index = 0; index < lanes_.size() && taken.size() < jobs; ++index) {
      const Lane& lane = lanes_[index];
      const bool fits = lane.kind == kind && lane.priority == priority && lane.jobs > 0 &&
                        lane.suspect == Suspect::no && lane.place == Place::ready;
      if (!fits) continue;
      const std::size_t fitting = count_if(lane, which);
      std::size_t stay = fitting - std::min(fitting, jobs - taken.size());
      filter(
          index,
          [&](const JobRef& job) {
            if (!which(job)) return false;
            if (stay == 0) return true;
            --stay;
            return false;
          },
          taken);
    }
  }
  return taken;
}

std::vector<JobRef> Batcher::take_if(const Which& which) {
  std::vector<JobRef> taken;
  for (std::uint32_t index = 0; index < lanes_.size(); ++index) {
    if (lanes_[index].jobs > 0) filter(index, which, taken);
  }
  for (Kind& kind : kinds_) {
    if (kind.budget == nullptr) continue;
    const std::size_t before = taken.size();
    kind.budget->take_if(which, taken);
    kind.waiting -= taken.size() - before;
    held_jobs_ -= taken.size() - before;
  }
  return taken;
}

std::size_t Batcher::count_if(const Lane& lane, const Which& which) const {
  std::size_t count = 0;
  std::uint32_t left = lane.jobs;
  for (std::uint32_t slot = lane.first; left > 0; slot = waiting_[slot].next) {
    const Waiting& some = waiting_[slot];
    for (std::uint32_t i = 0; i < some.jobs; ++i) {
      if (which({some.first.token, some.first.index + i})) ++count;
    }
    left -= some.jobs;
  }
  return count;
}

void Batcher::filter(std::uint32_t index, const Which& which, std::vector<JobRef>& out) {
  unplace(index);
  Lane& lane = lanes_[index];
  const std::uint32_t flushed = lane.flushed;
  const bool crowded = lane.crowded;
  std::vector<Waiting> stays;
  while (lane.jobs > 0) {
    // Jobs that arrived together part here, so that each is asked about.
    const Waiting first = waiting_[lane.first];
    const std::uint32_t bytes = first.jobs == 1 ? first.bytes : payload_bytes_(first.first);
    const JobRef job = first.first;
    std::vector<JobRef> one;
    take(lane, 1, bytes, one);
    if (which(job)) {
      out.push_back(job);
    } else {
      stays.push_back({job, first.at, 1, bytes, none});
    }
  }
  for (const Waiting& one : stays) append(lane, one);
  lane.flushed = std::min(flushed, lane.jobs);
  lane.crowded = crowded && lane.flushed > 0;
  after_leave(index);
}

std::size_t BudgetLanes::crowd_out(std::size_t jobs) {
  std::size_t out = 0;
  while (out < jobs && !held_.empty()) {
    const std::uint32_t index = held_.top().lane;
    Lane& lane = lanes_[index];
    lane.jobs.flushed = static_cast<std::uint32_t>(lane.jobs.jobs());
    lane.crowded = true;
    out += lane.jobs.jobs();
    take_out(index);
    place(index, Time::min());
  }
  return out;
}

void BudgetLanes::rework(std::uint32_t index, const std::function<void(BudgetLane&)>& take) {
  Lane& lane = lanes_[index];
  const std::size_t in_time = lane.jobs.jobs();
  const std::size_t late = lane.jobs.late_jobs();
  if (in_time + late == 0) return;
  if (lane.place != Place::empty) take_out(index);
  if (late > 0) late_.remove(index, late_places_);
  take(lane.jobs);
  in_time_ -= in_time - lane.jobs.jobs();
  late_jobs_ -= late - lane.jobs.late_jobs();
  if (lane.jobs.jobs() > 0) {
    lane.jobs.set_done_by(rule_.done_by(lane.jobs));
    place(index, Time::min());
  }
  if (lane.jobs.late_jobs() > 0) {
    late_.push({lane.priority, lane.jobs.first_late().deadline, index}, late_places_);
  }
  release_if_empty(index);
}

void BudgetLanes::take_if(const std::function<bool(const JobRef&)>& which,
                          std::vector<JobRef>& out) {
  for (std::uint32_t index = 0; index < lanes_.size(); ++index) {
    rework(index, [&](BudgetLane& jobs) { jobs.take_if(which, out); });
  }
}

void BudgetLanes::take_newest(std::size_t jobs, const std::function<bool(const JobRef&)>& which,
                              std::vector<JobRef>& out) {
  for (std::uint8_t priority = priority_count; priority-- > 0;) {
    for (std::uint32_t index = 0; index < lanes_.size() && out.size() < jobs; ++index) {
      if (lanes_[index].priority != priority) continue;
      rework(index, [&](BudgetLane& lane) { lane.take_newest(jobs - out.size(), which, out); });
    }
  }
}

}  // namespace ferry::detail
