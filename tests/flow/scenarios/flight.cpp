// Does a worker keep to `max_jobs_in_flight`, with envelopes of any size?

#include "flow/scenarios/answers.hpp"
#include "flow/scenarios/scenario.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

struct Cell {
  std::size_t most;
  std::size_t envelope_jobs;
  std::size_t jobs;
  std::chrono::milliseconds takes;
};

// Handlers take a millisecond at least, or the most held is over before a worker looks at itself.
constexpr Cell cells[]{{100, 256, 10'000, 1ms}, {100, 256, 3000, 5ms},  {100, 1000, 10'000, 1ms},
                       {100, 1, 10'000, 1ms},   {16, 256, 10'000, 1ms}, {1000, 256, 20'000, 1ms},
                       {1000, 1, 10'000, 1ms},  {256, 256, 10'000, 1ms}};

/// Jobs wait in Redis when the worker starts, half of them behind small envelopes, so that it has
/// seen small ones before large ones come.
Mix mix_of(const Cell& cell) {
  Mix mix;
  mix.name = "flight";
  mix.seed = 1;
  mix.workers = {{4, 0ms}};
  mix.max_jobs_in_flight = cell.most;
  MixKind small;
  small.job_takes = cell.takes;
  small.arrivals = Arrivals::bulk;
  small.jobs = cell.jobs / 10;
  small.envelope_jobs = 1;
  small.stored_first = true;
  small.high_percent = 100;
  MixKind kind = small;
  kind.high_percent = 0;
  kind.jobs = cell.jobs;
  kind.envelope_jobs = cell.envelope_jobs;
  mix.kinds = {small, kind};
  return mix;
}

void run_cell(const Cell& cell, const std::string& name, bool brief, Sheet& sheet) {
  sheet.begin("flight", name);
  const LiveEvidence evidence = run_live(mix_of(cell));
  must_be_sound(sheet, evidence);
  const auto held = static_cast<double>(evidence.workers[0].note.most_jobs_out);
  const auto most = static_cast<double>(cell.most + cell.envelope_jobs);
  sheet.at_most("most held", held, most, "jobs");
  if (brief) sheet.must_hold("no more held than asked for", held <= most);
}

}  // namespace

void run_flight(const ScenarioSettings& settings, Sheet& sheet) {
  if (settings.brief) return run_cell({100, 256, 2000, 1ms}, "brief", true, sheet);
  for (const Cell& cell : cells) {
    const std::string name = "at most " + std::to_string(cell.most) + ", envelopes of " +
                             std::to_string(cell.envelope_jobs) + ", " +
                             std::to_string(cell.takes.count()) + "ms";
    if (settings.wants(name)) run_cell(cell, name, false, sheet);
  }
}

}  // namespace ferry::flow
