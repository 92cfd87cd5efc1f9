#include "stages/batch.hpp"

#include <algorithm>

namespace ferry::detail {
namespace {

/// How long suspects that were noted together may take: one call to Redis before them and one after
/// them then hardly count, and not too many wait behind one that hangs.
constexpr std::chrono::milliseconds suspects_take{10};

std::vector<KindSettings> settings_of(const std::vector<RawHandler>& handlers) {
  std::vector<KindSettings> settings;
  for (const RawHandler& handler : handlers) {
    settings.push_back({handler.policy, handler.options.concurrency, handler.per_job});
  }
  return settings;
}

Run::Place place_of(const JobRef& job) {
  return {reinterpret_cast<LeasedEnvelope*>(job.token), job.index};
}

std::uint32_t payload_bytes_of(const JobRef& job) {
  const Run::Place place = place_of(job);
  return static_cast<std::uint32_t>(place.envelope->stored.jobs[place.index].payload.size());
}

}  // namespace

BatchStage::BatchStage(const std::vector<RawHandler>& handlers, std::size_t concurrency)
    : groups_(handlers.size()),
      kinds_short_(handlers.size()),
      batcher_(settings_of(handlers), concurrency, payload_bytes_of) {
  // An asynchronous handler takes one job at a time: its runner is taken until the completion.
  for (const RawHandler& handler : handlers) {
    per_job_.push_back(handler.per_job && handler.run);
    kinds_.push_back(handler.kind);
    limits_.emplace_back();
    if (!handler.options.adaptive_concurrency) continue;
    const std::size_t own = handler.options.concurrency;
    limits_.back().emplace(own == 0 ? concurrency : std::min(own, concurrency));
    learned_ = true;
  }
}

void BatchStage::handle(const BatchEvent& event) {
  std::visit([this](const auto& what) { on(what); }, event);
}

void BatchStage::on(const Arrived& event) {
  for (const Arrival& arrival : *event.arrivals) batcher_.arrive(arrival);
}

void BatchStage::on(const RunnerFree& event) {
  batcher_.runner_free(event.kind, event.suspect);
  if (event.jobs > 0) kinds_short_[event.kind].observe(event.took);
  if (event.budget != nullptr) {
    batcher_.set_settling(event.settling);
    batcher_.ran(event.kind, *event.budget);
    note(event.kind, *event.budget);
  }
  if (limits_[event.kind]) adapt(event);
  if (!per_job_[event.kind]) return;
  GroupSizer& group = groups_[event.kind];
  group.observe(event.jobs, event.took);
  batcher_.set_group(event.kind, group.jobs());
  batcher_.set_suspect_group(event.kind, group.jobs_within(suspects_take));
}

void BatchStage::adapt(const RunnerFree& event) {
  ConcurrencyLimit& limit = *limits_[event.kind];
  const std::size_t before = limit.limit();
  limit.end(event.ticket, event.jobs, event.took);
  batcher_.set_concurrency(event.kind, limit.now());
  learned_ = learned_ || limit.limit() != before;
}

void BatchStage::note(std::uint32_t kind, const BudgetReport& report) {
  auto found = std::ranges::find(budgets_, kinds_[kind], &LatencyBudgetStats::kind);
  if (found == budgets_.end()) found = budgets_.insert(budgets_.end(), {kinds_[kind]});
  const auto us = [](std::chrono::nanoseconds time) {
    return static_cast<double>(time.count()) / 1e3;
  };
  const BudgetRule& rule = *batcher_.rule(kind);
  found->jobs += report.usual.jobs + report.own.jobs;
  found->over_budget += report.usual.over_budget + report.own.over_budget;
  found->dial = rule.dial();
  found->own_dial = rule.own_dial();
  found->fixed_us = us(rule.model().fixed_part());
  found->per_job_us = us(rule.model().per_job());
  found->useful_size = rule.model().useful_size().value_or(0);
  learned_ = true;
}

void BatchStage::tell_learned(Metrics& metrics) {
  if (!learned_) return;
  metrics.update([this](WorkerStats& stats) {
    stats.budgets = budgets_;
    stats.concurrency.clear();
    for (std::size_t i = 0; i < limits_.size(); ++i) {
      if (!limits_[i]) continue;
      stats.concurrency.push_back({kinds_[i], limits_[i]->limit(), limits_[i]->most()});
    }
  });
  learned_ = false;
}

RunPtr BatchStage::next(std::chrono::steady_clock::time_point now) {
  if (drained_) return nullptr;
  const auto departure = batcher_.next(now);
  if (!departure) return nullptr;
  auto run = std::make_shared<Run>();
  run->kind = departure->kind;
  run->suspect = departure->suspect;
  run->batch.id = ++last_batch_id_;
  run->batch.reason = departure->reason;
  run->late = departure->late;
  run->shed = departure->shed;
  run->postponed_for = departure->postponed_for;
  if (limits_[run->kind]) run->ticket = limits_[run->kind]->begin(batcher_.running(run->kind));
  run->places.reserve(departure->jobs.size());
  for (const JobRef& job : departure->jobs) run->places.push_back(place_of(job));
  return run;
}

}  // namespace ferry::detail
