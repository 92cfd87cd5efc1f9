#include "objectives/objectives.hpp"

#include <algorithm>

namespace ferry::detail {

Objectives::Objectives(const std::vector<LatencyObjective>& objectives,
                       const std::vector<std::string>& queue_names) {
  for (const LatencyObjective& objective : objectives) {
    const auto queue = std::ranges::find(queue_names, objective.queue) - queue_names.begin();
    Watched watched{{}, static_cast<std::uint32_t>(queue), BurnRate(objective.share)};
    watched.stats.objective = objective;
    watched_.push_back(std::move(watched));
  }
}

void Objectives::told(const LeasedEnvelope& envelope, Time now, std::uint64_t wall_us) {
  const std::lock_guard lock(mutex_);
  for (Watched& watched : watched_) {
    const LatencyObjective& objective = watched.stats.objective;
    if (watched.queue != envelope.queue) continue;
    const auto within_us =
        static_cast<std::uint64_t>(std::chrono::microseconds(objective.within).count());
    std::uint64_t jobs = 0;
    std::uint64_t late = 0;
    for (std::size_t i = 0; i < envelope.marks.size(); ++i) {
      const JobMark mark = envelope.marks[i];
      const auto& job = envelope.stored.jobs[i];
      if (mark != JobMark::done && mark != JobMark::expired) continue;
      if (!objective.kind.empty() && job.kind != objective.kind) continue;
      ++jobs;
      if (mark == JobMark::expired || wall_us > job.enqueued_us + within_us) ++late;
    }
    if (jobs == 0) continue;
    watched.stats.jobs += jobs;
    watched.stats.late += late;
    watched.burn.record(now, jobs, late);
  }
}

std::vector<ObjectiveStats> Objectives::look(Time now) {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectiveStats> changed;
  for (Watched& watched : watched_) {
    const bool burning = watched.burn.burns(now);
    if (burning == watched.stats.burning) continue;
    watched.stats.burning = burning;
    changed.push_back(stats_of(watched, now));
  }
  return changed;
}

std::vector<ObjectiveStats> Objectives::stats(Time now) const {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectiveStats> all;
  for (const Watched& watched : watched_) all.push_back(stats_of(watched, now));
  return all;
}

ObjectiveStats Objectives::stats_of(const Watched& watched, Time now) {
  ObjectiveStats stats = watched.stats;
  stats.burn_5_minutes = watched.burn.over(BurnRate::short_window, now);
  stats.burn_1_hour = watched.burn.over(BurnRate::long_window, now);
  return stats;
}

void log_changes(const Log& log, const std::vector<ObjectiveStats>& changes) {
  for (const ObjectiveStats& changed : changes) {
    const Log::Fields fields{
        {"queue", std::string_view(changed.objective.queue)},
        {"kind", std::string_view(changed.objective.kind)},
        {"within_ms", static_cast<std::int64_t>(changed.objective.within.count())},
        {"share", changed.objective.share},
        {"burn_5_minutes", changed.burn_5_minutes},
        {"burn_1_hour", changed.burn_1_hour}};
    if (changed.burning) {
      log.warning("a latency objective burns: too many jobs are late", fields);
    } else {
      log.info("a latency objective burns no more", fields);
    }
  }
}

}  // namespace ferry::detail
