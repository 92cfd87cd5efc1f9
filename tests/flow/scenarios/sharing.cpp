// Does a bulk of slow jobs reach every idle worker?

#include <algorithm>
#include <set>

#include "flow/scenarios/answers.hpp"
#include "flow/scenarios/scenario.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

struct Cell {
  std::size_t jobs;
  std::chrono::milliseconds takes;
};

constexpr Cell cells[]{{200, 50ms}, {10'000, 5ms}, {100, 2000ms},
                       {20, 500ms}, {2000, 1ms},   {100'000, 0ms}};

/// Where one handler needs longer than this for all jobs, it is stopped after this time.
constexpr std::chrono::milliseconds long_enough = 40s;

/// All jobs in one `enqueue_all`, for a number of workers with `handlers` handlers each.
Mix mix_of(const Cell& cell, std::size_t workers, std::size_t handlers) {
  Mix mix;
  mix.name = "sharing";
  mix.seed = 1;
  mix.workers.assign(workers, {handlers, 0ms});
  mix.length = 100ms;
  MixKind kind;
  kind.job_takes = cell.takes;
  kind.arrivals = Arrivals::bulk;
  kind.jobs = cell.jobs;
  mix.kinds = {kind};
  if (workers * handlers == 1 && cell.takes * cell.jobs > long_enough) {
    mix.length = long_enough;
    mix.drains = false;
  }
  return mix;
}

LiveEvidence run(const Cell& cell, std::size_t workers, std::size_t handlers) {
  return run_live(mix_of(cell, workers, handlers), {.trace = true, .drain_within = 300s});
}

Moment makespan(const LiveEvidence& evidence) {
  Moment from = Moment::max();
  Moment to{0};
  for (const SentJob& sent : evidence.sent) from = std::min(from, sent.handed);
  for (const Call& call : evidence.trace.calls) to = std::max(to, call.end);
  return to - from;
}

double commands_a_job(const LiveEvidence& evidence) {
  const auto ran = evidence.schedule.size() - evidence.lost();
  return static_cast<double>(commands_of(evidence).workers()) / static_cast<double>(ran);
}

std::size_t workers_that_ran(const LiveEvidence& evidence) {
  std::set<std::uint32_t> ran;
  for (const Call& call : evidence.trace.calls) ran.insert(call.worker);
  return ran.size();
}

void run_cell(const Cell& cell, const std::string& name, Sheet& sheet) {
  sheet.begin("sharing", name);
  const LiveEvidence one = run(cell, 1, 1);
  const LiveEvidence one_of_four = run(cell, 1, 4);
  const LiveEvidence four = run(cell, 4, 1);
  for (const LiveEvidence* evidence : {&one, &one_of_four, &four}) must_be_sound(sheet, *evidence);
  const std::size_t calls_of_each = (cell.jobs + 3) / 4;
  const double ideal = static_cast<double>(calls_of_each) * static_cast<double>(cell.takes.count());
  sheet.figure("makespan", ms_of(makespan(four)), "ms");
  sheet.figure("makespan, one worker of four handlers", ms_of(makespan(one_of_four)), "ms");
  if (cell.takes > 0ms) sheet.at_most("times the ideal", ms_of(makespan(four)) / ideal, 1.2, "");
  sheet.figure("commands a job, one worker", commands_a_job(one), "");
  sheet.figure("commands a job, one worker of four handlers", commands_a_job(one_of_four), "");
  sheet.figure("commands a job", commands_a_job(four), "");
  sheet.at_most("more commands a job", commands_a_job(four) - commands_a_job(one), 0.25, "");
  sheet.figure("workers that ran", static_cast<double>(workers_that_ran(four)), "");
}

void run_brief(Sheet& sheet) {
  sheet.begin("sharing", "brief");
  const LiveEvidence evidence = run_live(mix_of({60, 50ms}, 4, 1));
  must_be_sound(sheet, evidence);
  sheet.must_hold("every worker ran some", workers_that_ran(evidence) == 4);
}

}  // namespace

void run_sharing(const ScenarioSettings& settings, Sheet& sheet) {
  if (settings.brief) return run_brief(sheet);
  for (const Cell& cell : cells) {
    const std::string name =
        std::to_string(cell.jobs) + " x " + std::to_string(cell.takes.count()) + "ms";
    if (settings.wants(name)) run_cell(cell, name, sheet);
  }
}

}  // namespace ferry::flow
