#include "stages/report.hpp"

#include <algorithm>
#include <functional>

#include "batching/retry_rule.hpp"
#include "control_board.hpp"
#include "leases.hpp"
#include "wire/envelope.hpp"
#include "wire/limits.hpp"

namespace ferry::detail {
namespace {

/// Splitmix64: 64 random bits from a seed, good enough for jitter and free to make.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
std::uint64_t scramble(std::uint64_t seed) {
  seed += 0x9e3779b97f4a7c15U;
  seed = (seed ^ (seed >> 30U)) * 0xbf58476d1ce4e5b9U;
  seed = (seed ^ (seed >> 27U)) * 0x94d049bb133111ebU;
  return seed ^ (seed >> 31U);
}

void add_move(Report& report, LeasedEnvelope& envelope, std::uint32_t index, Move move) {
  move.index = index;
  report.settlements.push_back(
      {&envelope, index, Verb::move, static_cast<std::uint32_t>(report.moves.size())});
  report.moves.push_back(std::move(move));
}

std::string pack_alone(const wire::StoredJob& job, const wire::Extras& extras,
                       const std::optional<wire::Death>& death = std::nullopt) {
  wire::EnvelopeWriter writer(job.id);
  writer.add_moved(job, &extras);
  return writer.finish(0, death);
}

wire::Extras extras_of(const wire::StoredJob& job) {
  return job.extras == nullptr ? wire::Extras{} : *job.extras;
}

}  // namespace

void add_done(Report& report, LeasedEnvelope& envelope, std::uint32_t index) {
  if (!report.settlements.empty()) {
    Settlement& last = report.settlements.back();
    if (last.verb == Verb::done && last.envelope == &envelope && last.index + last.jobs == index) {
      ++last.jobs;
      return;
    }
  }
  report.settlements.push_back({&envelope, index, Verb::done});
}

void bury_job(Report& report, LeasedEnvelope& envelope, std::uint32_t index,
              std::string_view reason, int attempts, int deliveries, std::uint64_t now_ms) {
  const wire::StoredJob& job = envelope.stored.jobs[index];
  wire::Extras extras = extras_of(job);
  extras.attempts = attempts;
  Move move;
  move.to = MoveTo::dead_letters;
  move.envelope = pack_alone(job, extras, wire::Death{reason, now_ms, deliveries});
  add_move(report, envelope, index, std::move(move));
}

Report judge(const Run& run, GroupCursor::Ended ended, const HandlerOptions& options,
             std::uint64_t seed, std::uint64_t now_ms) {
  Report report;
  for (std::size_t i = ended.from; i < ended.to; ++i) {
    const Outcome& outcome = run.batch.items[i].outcome;
    LeasedEnvelope& envelope = *run.places[i].envelope;
    const std::uint32_t index = run.places[i].index;
    if (outcome.kind == OutcomeKind::done) {
      add_done(report, envelope, index);
      continue;
    }
    const wire::StoredJob& job = envelope.stored.jobs[index];
    wire::Extras extras = extras_of(job);
    const int max_attempts = extras.max_attempts > 0 ? extras.max_attempts : options.max_attempts;
    const int attempts = extras.attempts + 1;
    const Verdict next =
        decide(outcome, attempts, max_attempts, options.backoff, scramble(seed + i));
    if (next.dead) {
      bury_job(report, envelope, index, next.reason, attempts, run.contexts[i].deliveries, now_ms);
      continue;
    }
    extras.attempts = attempts;
    extras.last_reason = next.reason;
    Move move;
    move.delay = next.delay;
    move.envelope = pack_alone(job, extras);
    add_move(report, envelope, index, std::move(move));
  }
  return report;
}

Report take_postponed(Run& run) {
  Report report;
  report.moves.reserve(run.places.size());
  for (const Run::Place& place : run.places) {
    const wire::StoredJob& job = place.envelope->stored.jobs[place.index];
    Move move;
    move.to = MoveTo::same_attempt;
    move.delay = run.postponed_for;
    move.envelope = pack_alone(job, extras_of(job));
    add_move(report, *place.envelope, place.index, std::move(move));
  }
  run.places.clear();
  return report;
}

Report take_paused(Run& run, const ControlBoard& board) {
  Report report;
  std::erase_if(run.places, [&](const Run::Place& place) {
    if (!board.is_paused(place.envelope->queue)) return false;
    if (report.leavings.empty() || report.leavings.back().envelope != place.envelope) {
      report.leavings.push_back({place.envelope, {}, Leaving::To::queue, {}, {}});
    }
    report.leavings.back().jobs.push_back(place.index);
    return true;
  });
  for (Leaving& leaving : report.leavings) std::ranges::sort(leaving.jobs);
  return report;
}

Report take_lost(Run& run, const Leases& leases) {
  const LeasedEnvelope* last = nullptr;  // one look for all jobs of an envelope
  bool last_is_lost = false;
  const auto lost = [&](const Run::Place& place) {
    if (place.envelope != last) {
      last = place.envelope;
      last_is_lost = leases.is_lost(last->queue, last->epoch);
    }
    return last_is_lost;
  };
  Report report;
  const auto first = std::ranges::find_if(run.places, lost);
  if (first == run.places.end()) return report;
  const auto gone = std::stable_partition(first, run.places.end(), std::not_fn(lost));
  for (auto place = gone; place != run.places.end(); ++place) {
    add_done(report, *place->envelope, place->index);
  }
  run.places.erase(gone, run.places.end());
  return report;
}

}  // namespace ferry::detail
