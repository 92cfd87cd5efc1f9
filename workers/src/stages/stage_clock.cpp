#include "stages/stage_clock.hpp"

namespace ferry::detail {
namespace {

double microseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

/// What comes before such a run is no time before the job's first one.
bool has_run_before(const Run& run, std::size_t place) { return run.contexts[place].attempt > 1; }

}  // namespace

StageClock::StageClock(std::size_t runners, const std::vector<RawHandler>& handlers)
    : all_(runners), own_(handlers.size()) {
  for (std::size_t i = 0; i < handlers.size(); ++i) {
    const HandlerOptions& options = handlers[i].options;
    const bool fewer = options.concurrency > 0 && options.concurrency < runners;
    if (fewer || options.adaptive_concurrency) {
      own_[i].emplace(fewer ? options.concurrency : runners);
    }
  }
}

void StageClock::runner_free(std::uint32_t kind, Clock::time_point now) {
  all_.give_back(now);
  if (own_[kind]) own_[kind]->give_back(now);
}

void StageClock::arrived(const std::vector<Arrival>& arrivals, Clock::time_point now) {
  for (const Arrival& arrival : arrivals) {
    auto* envelope = reinterpret_cast<LeasedEnvelope*>(arrival.job.token);
    // What comes back from a slow group has been here all the time.
    if (envelope->arrived != Clock::time_point{}) continue;
    envelope->arrived = now;
    envelope->busy_before = runners_of(arrival.kind).total(now);
  }
}

void StageClock::left(Run& run, Clock::time_point now) {
  run.busy_when_left = runners_of(run.kind).total(now);
  all_.take(now);
  if (own_[run.kind]) own_[run.kind]->take(now);
}

void StageClock::started(WorkerStats& stats, const Run& run, std::uint64_t wall_us) {
  ++stats.batches;
  ++stats.left_for[static_cast<std::size_t>(run.batch.reason)];
  stats.batch_size.record(run.places.size());
  TimesSince waited(stats.enqueue_to_start, wall_us);
  std::uint64_t since_enqueued_us = 0;
  Clock::duration since_arrived{0};
  Clock::duration waited_for_runner{0};
  double again_us = 0;
  for (std::size_t i = 0; i < run.places.size(); ++i) {
    const Run::Place& place = run.places[i];
    const std::uint64_t enqueued_us = place.envelope->stored.jobs[place.index].enqueued_us;
    waited.add(enqueued_us);
    const std::uint64_t age_us = wall_us > enqueued_us ? wall_us - enqueued_us : 0;
    const Clock::duration here = run.started - place.envelope->arrived;
    if (has_run_before(run, i)) again_us += static_cast<double>(age_us) - microseconds(here);
    since_enqueued_us += age_us;
    since_arrived += here;
    waited_for_runner += run.busy_when_left - place.envelope->busy_before;
  }
  const double here_us = microseconds(since_arrived);
  const double credit_us = microseconds(waited_for_runner);
  stats.stages.before_us += static_cast<double>(since_enqueued_us) - here_us - again_us;
  stats.stages.retry_us += again_us;
  stats.stages.hold_us += here_us - credit_us;
  stats.stages.credit_us += credit_us;
}

void StageClock::ended(StageTimes& times, const Run& run, GroupCursor::Ended jobs,
                       Clock::time_point now) {
  times.run_us += microseconds(now - run.started) * static_cast<double>(jobs.to - jobs.from);
}

void StageClock::returned(WorkerStats& stats, const Run& run, Clock::duration took) {
  stats.run.record(static_cast<std::uint64_t>(microseconds(took)));
  stats.processor_wait_us += microseconds(run.waited_for_processor);
}

void StageClock::will_run_again(StageTimes& times, const Report& report, std::uint64_t wall_us) {
  for (const Settlement& settlement : report.settlements) {
    if (settlement.verb != Verb::move) continue;
    if (report.moves[settlement.move].to != MoveTo::next_attempt) continue;
    const auto enqueued_us = settlement.envelope->stored.jobs[settlement.index].enqueued_us;
    times.retry_us -= static_cast<double>(wall_us > enqueued_us ? wall_us - enqueued_us : 0);
  }
}

void StageClock::not_begun(StageTimes& times, const Run& run, GroupCursor::Ended jobs,
                           Clock::time_point now, std::uint64_t wall_us) {
  const double started_us = static_cast<double>(wall_us) - microseconds(now - run.started);
  for (std::size_t i = jobs.from; i < jobs.to; ++i) {
    const LeasedEnvelope& envelope = *run.places[i].envelope;
    const double here_us = microseconds(run.started - envelope.arrived);
    const auto enqueued_us = envelope.stored.jobs[run.places[i].index].enqueued_us;
    double& before_us = has_run_before(run, i) ? times.retry_us : times.before_us;
    before_us -= started_us - static_cast<double>(enqueued_us) - here_us;
    times.credit_us -= here_us;
  }
}

}  // namespace ferry::detail
