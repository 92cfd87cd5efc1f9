#include "stages/batch.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "functions/keys.hpp"
#include "pressure/sharing.hpp"

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

LeasedEnvelope* envelope_of(const JobRef& job) {
  return reinterpret_cast<LeasedEnvelope*>(job.token);
}

Run::Place place_of(const JobRef& job) { return {envelope_of(job), job.index}; }

std::uint32_t payload_bytes_of(const JobRef& job) {
  const Run::Place place = place_of(job);
  return static_cast<std::uint32_t>(place.envelope->stored.jobs[place.index].payload.size());
}

/// Jobs that leave, in pieces of so many; each piece of one envelope is one that is stored anew.
/// Without `pieces` there is one for each envelope.
void add_leavings(std::vector<Leaving>& out, std::vector<JobRef> jobs, Leaving::To to,
                  const std::string& holder = {}, const std::vector<std::size_t>& pieces = {}) {
  std::ranges::sort(jobs, [](const JobRef& a, const JobRef& b) {
    return std::tie(a.token, a.index) < std::tie(b.token, b.index);
  });
  auto piece = pieces.begin();
  std::size_t left = piece == pieces.end() ? SIZE_MAX : *piece;
  for (const JobRef& job : jobs) {
    LeasedEnvelope* envelope = envelope_of(job);
    const bool next_piece = left == 0;
    if (next_piece) left = ++piece == pieces.end() ? SIZE_MAX : *piece;
    if (out.empty() || out.back().envelope != envelope || next_piece) {
      out.push_back({envelope, {}, to, holder, {}});
    }
    out.back().jobs.push_back(job.index);
    if (left != SIZE_MAX) --left;
  }
}

}  // namespace

BatchStage::BatchStage(const std::vector<RawHandler>& handlers, std::size_t concurrency,
                       const ControlBoard& board)
    : board_(board),
      concurrency_(concurrency),
      keyed_(handlers.size()),
      groups_(handlers.size()),
      kinds_short_(handlers.size()),
      paces_(handlers.size()),
      batcher_(settings_of(handlers), concurrency, payload_bytes_of),
      wanted_(handlers.size()),
      envelope_sizes_(handlers.size()) {
  // An asynchronous handler takes one job at a time: its runner is taken until the completion.
  for (const RawHandler& handler : handlers) {
    per_job_.push_back(handler.per_job && handler.run);
    kinds_.push_back(handler.kind);
    own_concurrency_.push_back(handler.options.concurrency);
    batch_.push_back(handler.policy.max_jobs);
    const bool fixed = handler.policy.kind == PolicyKind::fixed;
    lingers_.push_back(fixed ? handler.policy.linger : std::chrono::nanoseconds::max());
    limits_.emplace_back();
    if (!handler.options.adaptive_concurrency) continue;
    const std::size_t own = handler.options.concurrency;
    limits_.back().emplace(own == 0 ? concurrency : std::min(own, concurrency));
    learned_ = true;
  }
  publish();
}

void BatchStage::handle(const BatchEvent& event, Time now) {
  std::visit([&](const auto& what) { on(what, now); }, event);
  const std::size_t held = held_jobs();
  if (held > most_held_) batcher_.crowd_out(held - most_held_);
}

void BatchStage::on(const Arrived& event, Time) {
  for (const Arrival& arrival : *event.arrivals) {
    const LeasedEnvelope& envelope = *envelope_of(arrival.job);
    const bool paused = board_.is_paused(envelope.queue);
    keyed_[arrival.kind] = !arrival.batch_key.empty();
    const bool kept = paused || !overflows(arrival);
    stays_.came(arrival.jobs, kept);
    if (!paused && kept) {
      batcher_.arrive(arrival);
      continue;
    }
    std::vector<JobRef> jobs;
    for (std::uint32_t i = 0; i < arrival.jobs; ++i) {
      jobs.push_back({arrival.job.token, arrival.job.index + i});
    }
    if (paused) {
      add_leavings(leavings_, std::move(jobs), Leaving::To::queue);
    } else {
      add_leavings(leavings_, std::move(jobs), Leaving::To::holder,
                   std::string(kind_holder) + kinds_[arrival.kind]);
    }
  }
}

/// A kind that has fewer runners than the worker must not fill it: what it cannot do in a while is
/// set aside, so that what lies behind it can be fetched.
bool BatchStage::overflows(const Arrival& arrival) const {
  if (arrival.suspect != Suspect::no || drained_) return false;
  const KindLoad load = load_of(arrival.kind);
  return load.limited && load.ready + load.held >= most_kept(load, most_kept_);
}

std::size_t BatchStage::allowed_runners(std::uint32_t kind) const {
  std::size_t allowed = concurrency_;
  if (own_concurrency_[kind] > 0) allowed = std::min(allowed, own_concurrency_[kind]);
  if (limits_[kind]) allowed = std::min(allowed, limits_[kind]->now());
  return allowed;
}

KindLoad BatchStage::load_of(std::uint32_t kind) const {
  const KindPace& pace = paces_[kind];
  KindLoad load;
  load.ready = batcher_.ready_jobs(kind);
  load.lanes = batcher_.ready_lanes(kind);
  load.held_lanes = batcher_.held_lanes(kind);
  if (pace.known()) load.linger = lingers_[kind];
  load.held = batcher_.held_jobs(kind);
  load.running = batcher_.running(kind);
  load.allowed = allowed_runners(kind);
  load.batch = batch_[kind];
  // Where a worker has one kind only there is nothing that it could keep from running.
  load.limited = load.allowed < concurrency_ && kinds_.size() > 1;
  load.per_run = pace.per_run();
  load.per_job = pace.per_job();
  load.fast = pace.is_fast();
  // Not without end: what is in Redis runs in any worker, and others need the room.
  load.grows = keyed_[kind] && load.batch > 1 && !load.limited && !load.fast &&
               load.ready + load.held < most_held_;
  return load;
}

std::size_t BatchStage::held_jobs() const {
  std::size_t held = 0;
  for (std::uint32_t kind = 0; kind < kinds_.size(); ++kind) held += batcher_.held_jobs(kind);
  return held;
}

void BatchStage::on(const Crowded&, Time) { batcher_.crowd_out((held_jobs() + 1) / 2); }

void BatchStage::on(const RunnerFree& event, Time now) {
  batcher_.runner_free(event.kind, event.suspect);
  std::erase_if(running_, [&](const Running& run) { return run.batch == event.batch; });
  if (event.jobs > 0) {
    kinds_short_[event.kind].observe(event.took);
    paces_[event.kind].observe(event.jobs, event.took);
    const std::size_t fit = keyed_[event.kind] ? event.jobs : batch_[event.kind];
    mean_pace_.observe(event.jobs, fit, event.took, now);
    std::atomic<std::uint32_t>& size = envelope_sizes_[event.kind];
    size = suited_size(paces_[event.kind], size);
  }
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

void BatchStage::on(const PauseQueue& event, Time) {
  auto jobs =
      batcher_.take_if([&](const JobRef& job) { return envelope_of(job)->queue == event.queue; });
  add_leavings(leavings_, std::move(jobs), Leaving::To::queue);
}

KindLoad BatchStage::load_with_running(std::uint32_t kind, Time now) const {
  KindLoad load = load_of(kind);
  for (const Running& run : running_) {
    if (run.kind != kind || run.jobs == 0) continue;
    const auto so_far = std::chrono::nanoseconds(now - run.since);
    load.per_run = std::max(load.per_run, so_far);
    load.per_job =
        std::max(load.per_job, so_far / static_cast<std::chrono::nanoseconds::rep>(run.jobs));
  }
  return load;
}

void BatchStage::on(const ShareQueue& event, Time now) {
  if (drained_) return;
  for (std::uint32_t kind = 0; kind < kinds_.size(); ++kind) {
    const KindLoad load = load_with_running(kind, now);
    if (load.per_job < KindPace::fast) continue;
    auto pieces =
        pieces_to_share(load.ready, load.runs(), load.each(), load.allowed, event.workers);
    if (pieces.empty()) continue;
    std::size_t jobs = 0;
    for (const std::size_t piece : pieces) jobs += piece;
    auto leave = batcher_.take_newest(kind, jobs, [&](const JobRef& job) {
      const LeasedEnvelope& envelope = *envelope_of(job);
      const bool was_given_back = (envelope.stored.head.flags & wire::flag_own_ids) != 0;
      return envelope.queue == event.queue && (!was_given_back || now - envelope.arrived >= stays);
    });
    add_leavings(leavings_, std::move(leave), Leaving::To::queue, {}, pieces);
  }
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

void BatchStage::adapt(const RunnerFree& event) {
  ConcurrencyLimit& limit = *limits_[event.kind];
  const std::size_t before = limit.limit();
  limit.end(event.ticket, event.jobs, event.took);
  batcher_.set_concurrency(event.kind, limit.now());
  learned_ = learned_ || limit.limit() != before;
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

RunPtr BatchStage::next(Time now) {
  if (drained_) return nullptr;
  const auto departure = batcher_.next(now);
  if (!departure) {
    publish();
    return nullptr;
  }
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
  running_.push_back({run->batch.id, run->kind, run->places.size(), now});
  return run;
}

std::vector<Leaving> BatchStage::take_leavings() { return std::exchange(leavings_, {}); }

std::size_t BatchStage::wanted(std::string_view kind) const {
  const auto found = std::ranges::find(kinds_, kind);
  if (found == kinds_.end()) return 0;
  return wanted_[static_cast<std::size_t>(found - kinds_.begin())];
}

std::vector<EnvelopeSize> BatchStage::envelope_sizes() const {
  std::vector<EnvelopeSize> sizes;
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    sizes.push_back({kinds_[kind], envelope_sizes_[kind]});
  }
  return sizes;
}

/// Works out, once nothing leaves any more, what the jobs that stay mean for others.
void BatchStage::publish() {
  loads_.clear();
  for (std::uint32_t kind = 0; kind < kinds_.size(); ++kind) loads_.push_back(load_of(kind));
  flow_ = flow_of(loads_, concurrency_, mean_pace_, stays_.share());
  bool may_share = false;
  for (std::size_t kind = 0; kind < loads_.size(); ++kind) {
    const KindLoad& load = loads_[kind];
    const std::size_t kept = most_kept(load, most_kept_);
    const std::size_t here = load.ready + load.held;
    const bool could_begin = load.limited || flow_.start_delay < soon;
    wanted_[kind] = could_begin && here < (kept + 1) / 2 ? kept - here : 0;
    may_share = may_share || (load.ready > 0 && !load.fast);
  }
  may_share_ = may_share;
}

}  // namespace ferry::detail
