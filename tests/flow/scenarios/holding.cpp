// Do jobs that wait for company keep urgent work from beginning?

#include <algorithm>

#include "flow/scenarios/answers.hpp"
#include "flow/scenarios/scenario.hpp"
#include "flow/score/quantile.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

/// The kinds by their place in the mix.
enum : std::uint32_t { held, urgent, urgent_beside };

constexpr double options_mib = 64;

struct Cell {
  std::size_t jobs;
  std::size_t payload_bytes;
  std::chrono::seconds linger;
};

// Urgent jobs come all the time; after eight seconds the others, and two later all that a worker
// takes of them is held.
constexpr std::chrono::milliseconds alone_from = 1s;
constexpr std::chrono::milliseconds alone_to = 8s;
constexpr std::chrono::milliseconds beside_from = 10s;
constexpr std::chrono::milliseconds beside_to = 18s;

MixKind urgent_kind(double per_second, std::chrono::milliseconds length) {
  MixKind kind;
  kind.job_takes = 1ms;
  kind.queue = 1;
  kind.per_second = per_second;
  kind.jobs = static_cast<std::size_t>(per_second * static_cast<double>(length.count()) / 1e3);
  return kind;
}

Mix mix_of(const Cell& cell) {
  Mix mix;
  mix.name = "holding";
  mix.seed = 1;
  mix.queue_weights = {1, 1};
  mix.workers = {{4, 0ms}};
  mix.length = beside_to;
  mix.drains = false;
  MixKind waiting;
  waiting.policy = fixed(10, cell.linger);
  waiting.per_job = false;
  waiting.batch_keys = 10'000;
  waiting.payload_bytes = cell.payload_bytes;
  waiting.arrivals = Arrivals::bulk;
  waiting.jobs = cell.jobs;
  waiting.from = alone_to;
  mix.kinds = {waiting, urgent_kind(100, beside_to), urgent_kind(100, beside_to)};
  mix.kinds[urgent_beside].queue = 0;
  mix.kinds[urgent_beside].high_percent = 100;
  return mix;
}

/// Returns: how long those jobs of a kind waited that came in a part of the run.
std::vector<Moment> waits(const LiveEvidence& evidence, std::uint32_t kind, Moment from,
                          Moment to) {
  Trace part = evidence.trace;
  std::erase_if(part.jobs,
                [&](const TracedJob& job) { return job.ready < from || job.ready >= to; });
  return delays_of(part, kind, evidence.ended);
}

void run_cell(const Cell& cell, const std::string& name, Sheet& sheet) {
  sheet.begin("holding", name);
  const LiveEvidence evidence = run_live(mix_of(cell));
  must_be_sound(sheet, evidence);
  for (const auto& [kind, what] :
       {std::pair{urgent, "other queue"}, std::pair{urgent_beside, "same queue, high"}}) {
    const auto usual = waits(evidence, kind, alone_from, alone_to);
    const auto beside = waits(evidence, kind, beside_from, beside_to);
    const double usual_ms = ms_of(quantile(usual, 0.99));
    sheet.figure(std::string(what) + ": alone p50", ms_of(quantile(usual, 0.5)), "ms");
    sheet.figure(std::string(what) + ": alone p99", usual_ms, "ms");
    sheet.figure(std::string(what) + ": p50", ms_of(quantile(beside, 0.5)), "ms");
    sheet.at_most(std::string(what) + ": p99", ms_of(quantile(beside, 0.99)), 1.2 * usual_ms, "ms");
  }
  sheet.at_most("memory", memory_mib(evidence.workers[0]), options_mib + 32, "MiB");
  sheet.figure("most held", static_cast<double>(evidence.workers[0].note.most_jobs_out), "jobs");
}

/// While jobs are held for four seconds an urgent one comes to each queue.
void run_brief(Sheet& sheet) {
  sheet.begin("holding", "brief");
  Mix mix = mix_of({300, 100, 4s});
  mix.length = 4s;
  mix.drains = true;
  mix.kinds[held].from = 0ms;
  for (const std::uint32_t kind : {urgent, urgent_beside}) {
    mix.kinds[kind].jobs = 1;
    mix.kinds[kind].from = 500ms;
  }
  const LiveEvidence evidence = run_live(mix);
  must_be_sound(sheet, evidence);
  Moment first_held = Moment::max();
  for (const Call& call : evidence.trace.calls) {
    if (call.kind == held) first_held = std::min(first_held, call.begin);
  }
  for (const Call& call : evidence.trace.calls) {
    if (call.kind == held) continue;
    sheet.must_hold(std::string(call.kind == urgent ? "another queue" : "the same queue") +
                        " begins before the held ones leave",
                    call.begin < first_held);
  }
}

}  // namespace

void run_holding(const ScenarioSettings& settings, Sheet& sheet) {
  if (settings.brief) return run_brief(sheet);
  for (const auto& [name, cell] :
       {std::pair<std::string, Cell>{"10000 of 1 KiB", {10'000, 1024, 30s}},
        {"10000 of 6 KiB", {10'000, 6 * 1024, 30s}},
        {"60000 of 100 B", {60'000, 100, 30s}}}) {
    if (settings.wants(name)) run_cell(cell, name, sheet);
  }
}

}  // namespace ferry::flow
