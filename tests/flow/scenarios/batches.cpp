// Do batches form when jobs of many keys wait?

#include <thread>

#include "flow/scenarios/answers.hpp"
#include "flow/scenarios/scenario.hpp"
#include "flow/score/quantile.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

struct Cell {
  double per_second;
  std::size_t keys;
  std::size_t size;
  std::chrono::milliseconds linger;
  std::chrono::milliseconds takes;
  std::chrono::seconds length;
};

constexpr Cell cells[]{
    {500, 1000, 10, 1s, 0ms, 20s},   {500, 1000, 10, 1s, 1ms, 20s},
    {500, 10, 10, 1s, 0ms, 10s},     {500, 100, 10, 1s, 0ms, 10s},
    {500, 10'000, 10, 1s, 0ms, 20s}, {100, 1000, 10, 1s, 0ms, 20s},
    {2000, 1000, 10, 1s, 0ms, 10s},  {500, 1000, 100, 3s, 0ms, 20s},
    {500, 1, 1000, 2s, 0ms, 10s},    {200, 100, 10, 1s, 5ms, 20s},
    {600, 10, 20, 50ms, 50ms, 10s},  {400, 100, 20, 50ms, 50ms, 10s},
};

/// One job an envelope, default options.
Mix mix_of(const Cell& cell) {
  Mix mix;
  mix.name = "batches";
  mix.seed = 1;
  // A worker that is behind is not waited for: what has not begun by then counts as it is.
  mix.length = cell.length + cell.linger + 2s;
  mix.drains = false;
  mix.workers = {{std::max<std::size_t>(1, std::thread::hardware_concurrency()), 0ms}};
  MixKind kind;
  kind.policy = fixed(cell.size, cell.linger);
  kind.per_job = false;
  kind.call_takes = cell.takes;
  kind.batch_keys = cell.keys;
  kind.envelope_jobs = 1;
  kind.per_second = cell.per_second;
  kind.jobs = static_cast<std::size_t>(cell.per_second * static_cast<double>(cell.length.count()));
  mix.kinds = {kind};
  return mix;
}

std::string name_of(const Cell& cell) {
  return std::to_string(static_cast<int>(cell.per_second)) + "/s, " + std::to_string(cell.keys) +
         " keys, fixed(" + std::to_string(cell.size) + ", " + std::to_string(cell.linger.count()) +
         "ms), calls of " + std::to_string(cell.takes.count()) + "ms";
}

void run_cell(const Cell& cell, Sheet& sheet) {
  sheet.begin("batches", name_of(cell));
  const Mix mix = mix_of(cell);
  const LiveEvidence evidence = run_live(mix);
  must_be_sound(sheet, evidence);
  const Trace oracle = oracle_of(mix, evidence);
  const auto waits = delays_of(evidence.trace, 0, evidence.ended);
  sheet.figure("wait p50", ms_of(quantile(waits, 0.5)), "ms");
  sheet.at_most("wait p99", ms_of(quantile(waits, 0.99)), ms_of(cell.linger) + 300, "ms");
  const double best = mean_batch(oracle, 0);
  sheet.figure("oracle's mean batch", best, "jobs");
  sheet.at_least("mean batch", mean_batch(evidence.trace, 0), 0.95 * best, "jobs");
  sheet.figure("not begun", static_cast<double>(evidence.lost()), "jobs");
}

/// Two jobs of each of many keys come within a second and are held for three.
void run_brief(Sheet& sheet) {
  sheet.begin("batches", "brief");
  Mix mix = mix_of({600, 300, 10, 3s, 0ms, 1s});
  mix.drains = true;
  const LiveEvidence evidence = run_live(mix);
  must_be_sound(sheet, evidence);
  const double best = mean_batch(oracle_of(mix, evidence), 0);
  const double batch = mean_batch(evidence.trace, 0);
  sheet.figure("oracle's mean batch", best, "jobs");
  sheet.figure("mean batch", batch, "jobs");
  // A busy machine makes batches larger, not smaller.
  sheet.must_hold("jobs of a key find each other", batch >= 0.8 * best);
}

/// More comes than single jobs could be run: only batches by key keep up, and they have to grow
/// while all handlers are busy.
void run_brief_under_load(Sheet& sheet) {
  sheet.begin("batches", "brief, under load");
  Mix mix = mix_of({600, 10, 20, 50ms, 50ms, 2s});
  mix.workers = {{2, 0ms}};
  mix.drains = true;
  const LiveEvidence evidence = run_live(mix);
  must_be_sound(sheet, evidence);
  const double batch = mean_batch(evidence.trace, 0);
  sheet.figure("mean batch", batch, "jobs");
  // A busy machine makes batches larger, not smaller.
  sheet.must_hold("batches grow", batch >= 5);
}

}  // namespace

void run_batches(const ScenarioSettings& settings, Sheet& sheet) {
  if (settings.brief) {
    run_brief(sheet);
    return run_brief_under_load(sheet);
  }
  for (const Cell& cell : cells) {
    if (settings.wants(name_of(cell))) run_cell(cell, sheet);
  }
}

}  // namespace ferry::flow
