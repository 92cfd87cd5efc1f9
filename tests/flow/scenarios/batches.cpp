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
  std::chrono::seconds length;
};

constexpr Cell cells[]{
    {500, 1000, 10, 1s, 20s},   {500, 10, 10, 1s, 10s},   {500, 100, 10, 1s, 10s},
    {500, 10'000, 10, 1s, 20s}, {100, 1000, 10, 1s, 20s}, {2000, 1000, 10, 1s, 10s},
    {500, 1000, 100, 3s, 20s},  {500, 1, 1000, 2s, 10s},
};

/// One job an envelope, default options.
Mix mix_of(const Cell& cell) {
  Mix mix;
  mix.name = "batches";
  mix.seed = 1;
  mix.length = cell.length;
  mix.workers = {{std::max<std::size_t>(1, std::thread::hardware_concurrency()), 0ms}};
  MixKind kind;
  kind.policy = fixed(cell.size, cell.linger);
  kind.per_job = false;
  kind.call_takes = 1ms;
  kind.batch_keys = cell.keys;
  kind.envelope_jobs = 1;
  kind.per_second = cell.per_second;
  kind.jobs = static_cast<std::size_t>(cell.per_second * static_cast<double>(cell.length.count()));
  mix.kinds = {kind};
  return mix;
}

void run_cell(const Cell& cell, const std::string& name, bool brief, Sheet& sheet) {
  sheet.begin("batches", name);
  const Mix mix = mix_of(cell);
  const LiveEvidence evidence = run_live(mix);
  must_be_sound(sheet, evidence);
  const Trace oracle = oracle_of(mix, evidence);
  const auto waits = delays_of(evidence.trace, 0, evidence.ended);
  const double linger = ms_of(cell.linger);
  sheet.figure("wait p50", ms_of(quantile(waits, 0.5)), "ms");
  sheet.at_most("wait p99", ms_of(quantile(waits, 0.99)), linger + 300, "ms");
  const double batch = mean_batch(evidence.trace, 0);
  const double best = mean_batch(oracle, 0);
  sheet.figure("oracle's mean batch", best, "jobs");
  sheet.at_least("mean batch", batch, 0.95 * best, "jobs");
  sheet.figure("not begun", static_cast<double>(evidence.lost()), "jobs");
  // A busy machine makes batches larger, not smaller.
  if (brief) sheet.must_hold("batches form", batch >= 0.5 * best);
}

}  // namespace

void run_batches(const ScenarioSettings& settings, Sheet& sheet) {
  if (settings.brief) return run_cell({300, 60, 10, 2s, 2s}, "brief", true, sheet);
  for (const Cell& cell : cells) {
    const std::string name = std::to_string(static_cast<int>(cell.per_second)) + "/s " +
                             std::to_string(cell.keys) + " keys fixed(" +
                             std::to_string(cell.size) + ", " +
                             std::to_string(cell.linger.count()) + "ms)";
    if (settings.wants(name)) run_cell(cell, name, false, sheet);
  }
}

}  // namespace ferry::flow
