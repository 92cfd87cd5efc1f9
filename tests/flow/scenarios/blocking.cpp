// Does a kind at its own limit, with a backlog, keep others from beginning?

#include <algorithm>

#include "flow/scenarios/answers.hpp"
#include "flow/scenarios/scenario.hpp"
#include "flow/score/quantile.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

struct Cell {
  std::size_t backlog;
  std::chrono::milliseconds takes;
  std::size_t envelope_jobs;
  std::chrono::milliseconds length;
};

constexpr Cell cells[]{
    {10'000, 5ms, 256, 10s}, {10'000, 5ms, 1, 10s},    {10'000, 0ms, 256, 3s},
    {10'000, 0ms, 1, 3s},    {100'000, 5ms, 256, 10s}, {100'000, 5ms, 1, 10s},
    {100'000, 0ms, 256, 5s}, {100'000, 0ms, 1, 5s},
};

/// The kinds by their place in the mix.
enum : std::uint32_t { backlog, normal, high, other_queue };

MixKind arriving(const Cell& cell, double per_second, std::size_t queue) {
  MixKind kind;
  kind.job_takes = cell.takes;
  kind.queue = queue;
  kind.per_second = per_second;
  kind.jobs = static_cast<std::size_t>(per_second * static_cast<double>(cell.length.count()) / 1e3);
  return kind;
}

Mix mix_of(const Cell& cell, bool with_others) {
  Mix mix;
  mix.name = "blocking";
  mix.seed = 1;
  mix.queue_weights = {1, 1};
  mix.workers = {{4, 0ms}};
  mix.length = cell.length;
  mix.drains = false;
  MixKind slow;
  slow.concurrency = 1;
  slow.job_takes = cell.takes;
  slow.payload_bytes = 1024;
  slow.arrivals = Arrivals::bulk;
  slow.jobs = cell.backlog;
  slow.envelope_jobs = cell.envelope_jobs;
  slow.stored_first = true;
  mix.kinds = {slow};
  if (!with_others) return mix;
  const double per_second = cell.takes > 0ms ? 30 : 100;
  mix.kinds.push_back(arriving(cell, per_second, 0));
  mix.kinds.push_back(arriving(cell, per_second, 0));
  mix.kinds.back().high_percent = 100;
  mix.kinds.push_back(arriving(cell, per_second, 1));
  return mix;
}

struct Span {
  Moment first = Moment::max();
  Moment last{0};
  Moment busy{0};
  std::size_t jobs = 0;

  double per_second() const { return static_cast<double>(jobs) / seconds_of(last - first); }
  double busy_share() const { return seconds_of(busy) / seconds_of(last - first); }
};

Span backlog_span(const Trace& trace) {
  Span span;
  for (const Call& call : trace.calls) {
    if (call.kind != backlog) continue;
    span.first = std::min(span.first, call.begin);
    span.last = std::max(span.last, call.end);
    span.busy += call.end - call.begin;
    span.jobs += call.jobs;
  }
  return span;
}

/// Returns: how long the jobs of a kind waited that came while the backlog was there.
std::vector<Moment> waits_beside_backlog(const LiveEvidence& evidence, std::uint32_t kind) {
  const Moment until = std::min(backlog_span(evidence.trace).last, evidence.ended);
  Trace beside = evidence.trace;
  std::erase_if(beside.jobs, [&](const TracedJob& job) { return job.ready >= until; });
  return delays_of(beside, kind, evidence.ended);
}

void run_cell(const Cell& cell, const std::string& name, Sheet& sheet) {
  sheet.begin("blocking", name);
  const LiveEvidence alone = run_live(mix_of(cell, false), {.tap = true, .trace = true});
  const LiveEvidence evidence = run_live(mix_of(cell, true), {.tap = true, .trace = true});
  must_be_sound(sheet, evidence);
  const double most_ms = cell.backlog > 10'000 ? 1000 : 50;
  for (const auto& [kind, what] : {std::pair{normal, "same queue"}, std::pair{high, "high"},
                                   std::pair{other_queue, "other queue"}}) {
    const auto waits = waits_beside_backlog(evidence, kind);
    sheet.figure(std::string(what) + ": jobs", static_cast<double>(waits.size()), "");
    sheet.figure(std::string(what) + ": start p50", ms_of(quantile(waits, 0.5)), "ms");
    sheet.at_most(std::string(what) + ": start p99", ms_of(quantile(waits, 0.99)), most_ms, "ms");
  }
  const Span beside = backlog_span(evidence.trace);
  const Span before = backlog_span(alone.trace);
  sheet.figure("backlog alone", before.per_second(), "jobs/s");
  if (cell.takes > 0ms) {
    // Its one handler is busy as much as before: sleeps that end late are no fault of the worker.
    sheet.figure("backlog beside others", beside.per_second(), "jobs/s");
    sheet.figure("its handler busy alone", before.busy_share(), "");
    sheet.at_least("its handler busy beside others", beside.busy_share(),
                   0.95 * before.busy_share(), "");
  } else {
    sheet.at_least("backlog beside others", beside.per_second(), 0.95 * before.per_second(),
                   "jobs/s");
  }
  const GiveBacks back = give_backs_of(evidence);
  sheet.at_most("given back in a second", static_cast<double>(back.most_in_a_second), 1, "times");
  sheet.figure("given back in a life", static_cast<double>(back.most), "times");
  sheet.figure("entries not seen", static_cast<double>(back.not_seen), "");
}

/// One of each kind comes while a backlog of some seconds is there.
void run_brief(Sheet& sheet) {
  sheet.begin("blocking", "brief");
  Mix mix = mix_of({600, 5ms, 64, 2s}, true);
  mix.drains = true;
  for (const std::uint32_t kind : {normal, high, other_queue}) {
    mix.kinds[kind].jobs = 1;
    mix.kinds[kind].from = 200ms;
  }
  const LiveEvidence evidence = run_live(mix);
  must_be_sound(sheet, evidence);
  const Moment last = backlog_span(evidence.trace).last;
  for (const auto& [kind, what] : {std::pair{normal, "same queue"}, std::pair{high, "high"},
                                   std::pair{other_queue, "other queue"}}) {
    bool before = true;
    for (const Call& call : evidence.trace.calls) {
      if (call.kind == kind) before = before && call.begin < last;
    }
    sheet.must_hold(std::string(what) + " begins before the backlog has ended", before);
  }
}

}  // namespace

void run_blocking(const ScenarioSettings& settings, Sheet& sheet) {
  if (settings.brief) return run_brief(sheet);
  for (const Cell& cell : cells) {
    const std::string name = std::to_string(cell.backlog) + " x " +
                             std::to_string(cell.takes.count()) + "ms, " +
                             (cell.envelope_jobs == 1 ? "one by one" : "large envelopes");
    if (settings.wants(name)) run_cell(cell, name, sheet);
  }
}

}  // namespace ferry::flow
