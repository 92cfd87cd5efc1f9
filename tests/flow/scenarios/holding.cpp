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

constexpr auto filled_after = 3s;
constexpr double options_mib = 64;

struct Cell {
  std::size_t jobs;
  std::size_t payload_bytes;
  std::chrono::seconds linger;
  std::chrono::milliseconds length;
};

Mix mix_of(const Cell& cell, bool with_held, double per_second) {
  Mix mix;
  mix.name = "holding";
  mix.seed = 1;
  mix.queue_weights = {1, 1};
  mix.workers = {{4, 0ms}};
  mix.length = cell.length;
  mix.drains = false;
  MixKind waiting;
  waiting.policy = fixed(10, cell.linger);
  waiting.per_job = false;
  waiting.batch_keys = 10'000;
  waiting.payload_bytes = cell.payload_bytes;
  waiting.arrivals = Arrivals::bulk;
  waiting.jobs = with_held ? cell.jobs : 0;
  MixKind now;
  now.job_takes = 1ms;
  now.queue = 1;
  now.per_second = per_second;
  now.from = filled_after;
  now.jobs = static_cast<std::size_t>(
      per_second * static_cast<double>((cell.length - filled_after).count()) / 1e3);
  MixKind beside = now;
  beside.queue = 0;
  beside.high_percent = 100;
  mix.kinds = {waiting, now, beside};
  return mix;
}

void run_cell(const Cell& cell, const std::string& name, Sheet& sheet) {
  sheet.begin("holding", name);
  const LiveEvidence without = run_live(mix_of(cell, false, 100));
  const LiveEvidence with = run_live(mix_of(cell, true, 100));
  must_be_sound(sheet, with);
  for (const auto& [kind, what] :
       {std::pair{urgent, "other queue"}, std::pair{urgent_beside, "same queue, high"}}) {
    const double usual = ms_of(quantile(delays_of(without.trace, kind, without.ended), 0.99));
    const auto waits = delays_of(with.trace, kind, with.ended);
    sheet.figure(std::string(what) + ": without them p99", usual, "ms");
    sheet.figure(std::string(what) + ": p50", ms_of(quantile(waits, 0.5)), "ms");
    sheet.at_most(std::string(what) + ": p99", ms_of(quantile(waits, 0.99)), 1.2 * usual, "ms");
  }
  sheet.at_most("memory", memory_mib(with.workers[0]), options_mib + 32, "MiB");
  sheet.figure("most held", static_cast<double>(with.workers[0].note.most_jobs_out), "jobs");
}

/// While jobs are held for four seconds an urgent one comes to each queue.
void run_brief(Sheet& sheet) {
  sheet.begin("holding", "brief");
  Mix mix = mix_of({300, 100, 4s, 4s}, true, 0);
  for (const std::uint32_t kind : {urgent, urgent_beside}) {
    mix.kinds[kind].jobs = 1;
    mix.kinds[kind].from = 500ms;
  }
  mix.drains = true;
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
       {std::pair<std::string, Cell>{"10000 of 1 KiB", {10'000, 1024, 30s, 13s}},
        {"10000 of 6 KiB", {10'000, 6 * 1024, 30s, 13s}},
        {"60000 of 100 B", {60'000, 100, 30s, 13s}}}) {
    if (settings.wants(name)) run_cell(cell, name, sheet);
  }
}

}  // namespace ferry::flow
