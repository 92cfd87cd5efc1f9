// How far from the oracle is a mix of everything?

#include <algorithm>
#include <fstream>

#include "flow/mix/generate.hpp"
#include "flow/mix/mix_json.hpp"
#include "flow/scenarios/answers.hpp"
#include "flow/scenarios/scenario.hpp"
#include "flow/scenarios/seeds.hpp"
#include "flow/score/commands.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

constexpr double most_behind_ms = 50;

/// Returns: the envelope of each job, as the tap saw it; jobs that it missed are taken to have
/// travelled with the others of their portion.
std::vector<std::uint32_t> envelopes_of(const LiveEvidence& evidence) {
  constexpr std::uint32_t unseen = 1U << 31U;
  std::vector<std::uint32_t> envelopes;
  for (std::size_t i = 0; i < evidence.jobs.size(); ++i) {
    const PlannedJob& planned = evidence.schedule[i];
    const auto& entries = evidence.jobs[i].entries;
    envelopes.push_back(entries.empty()
                            ? unseen + planned.portion * static_cast<std::uint32_t>(most_kinds) +
                                  planned.kind
                            : entries.front());
  }
  return envelopes;
}

void show_delays(const Mix& mix, const Score& score, Sheet& sheet) {
  const bool overloaded = load_of(mix) > 1;
  const KindScore& worst = score.worst();
  sheet.figure("start p99, all jobs", ms_of(score.all.p99), "ms");
  sheet.figure("start p99, all jobs, oracle", ms_of(score.all.oracle_p99), "ms");
  sheet.figure("worst kind", worst.kind, "");
  sheet.figure("worst kind p99", ms_of(worst.p99), "ms");
  sheet.figure("worst kind p99, oracle", ms_of(worst.oracle_p99), "ms");
  // Who waits in an overload is a matter of order, and other orders are as right.
  const double behind = ms_of(overloaded ? score.all.behind() : worst.behind());
  sheet.at_most("p99 behind the oracle", behind, most_behind_ms, "ms");
  for (const KindScore& kind : score.kinds) {
    sheet.note("kind " + std::to_string(kind.kind) + ": " + std::to_string(kind.jobs) +
               " jobs, p50 " + std::to_string(ms_of(kind.p50)) + " ms (oracle " +
               std::to_string(ms_of(kind.oracle_p50)) + "), p99 " +
               std::to_string(ms_of(kind.p99)) + " (" + std::to_string(ms_of(kind.oracle_p99)) +
               "), batch " + std::to_string(kind.mean_batch) + " (" +
               std::to_string(kind.oracle_mean_batch) + "), not begun " +
               std::to_string(kind.not_begun));
  }
}

void show_commands(const LiveEvidence& evidence, const Trace& oracle, Sheet& sheet) {
  std::vector<Moment> due;
  for (const PlannedJob& planned : evidence.schedule) due.push_back(planned.due);
  const auto envelopes = envelopes_of(evidence);
  const CommandBound bound = command_bound(oracle, envelopes, due);
  const CommandUse use = commands_of(evidence);
  const auto of_workers = static_cast<double>(use.workers());
  sheet.figure("commands of producers", static_cast<double>(use.producers), "");
  sheet.figure("commands of upkeep", static_cast<double>(use.upkeep), "");
  sheet.figure("commands of idle workers",
               static_cast<double>(evidence.idle_commands) / seconds_of(evidence.idle_watched),
               "a second");
  sheet.figure("commands of workers", of_workers, "");
  sheet.figure("commands of the oracle", static_cast<double>(bound.total()), "");
  sheet.at_most("times the oracle's commands", of_workers / static_cast<double>(bound.total()), 1.5,
                "");
}

void show_give_backs(const LiveEvidence& evidence, Sheet& sheet) {
  const GiveBacks back = give_backs_of(evidence);
  sheet.at_most("given back in a life", static_cast<double>(back.most), 2, "times");
  sheet.figure("given back, all jobs", static_cast<double>(back.all), "times");
  sheet.figure("entries not seen", static_cast<double>(back.not_seen), "");
  WorkerNote sum;
  for (const WorkerEvidence& worker : evidence.workers) {
    sum.given_back += worker.note.given_back;
    sum.set_aside += worker.note.set_aside;
    sum.released += worker.note.released;
    sum.postponed += worker.note.postponed;
  }
  sheet.figure("by the workers' counts: given back", static_cast<double>(sum.given_back), "jobs");
  sheet.figure("by the workers' counts: set aside", static_cast<double>(sum.set_aside), "jobs");
  sheet.figure("by the workers' counts: released", static_cast<double>(sum.released), "jobs");
  sheet.figure("by the workers' counts: postponed", static_cast<double>(sum.postponed), "jobs");
}

void run_mix(const Mix& mix, const std::string& name, Sheet& sheet) {
  sheet.begin("mixes", name);
  sheet.note(line_of(mix));
  sheet.note(json_of(mix).dump());
  const LiveEvidence evidence = run_live(mix, {.tap = true, .trace = true});
  must_be_sound(sheet, evidence);
  const std::vector<Trace> oracles{oracle_of(mix, evidence), oracle_of(mix, evidence, true)};
  const Score score =
      score_of(with_measured_times(mix, evidence.trace), evidence.trace, oracles, evidence.ended);
  sheet.figure("load", 100 * load_of(mix), "%");
  sheet.figure("handlers busy", 100 * score.idle.busy, "%");
  sheet.at_most("idle while jobs may begin", 100 * score.idle.wasted, 2, "%");
  sheet.figure("of it in gaps above 1 ms", 100 * score.idle_1ms.wasted, "%");
  sheet.figure("the oracle's", 100 * score.oracle_idle.wasted, "%");
  show_delays(mix, score, sheet);
  show_commands(evidence, oracles.front(), sheet);
  show_give_backs(evidence, sheet);
  double memory = 0;
  for (const WorkerEvidence& worker : evidence.workers) {
    memory = std::max(memory, memory_mib(worker));
  }
  sheet.figure("worker's memory", memory, "MiB");
  sheet.figure("producers late by", static_cast<double>(evidence.counts.late_ms), "ms");
  sheet.figure("seconds", seconds_of(evidence.ended - evidence.began), "s");
}

/// The same kinds, with a tenth of the jobs.
Mix shortened(Mix mix) {
  mix.length /= 10;
  for (MixKind& kind : mix.kinds) {
    kind.jobs = std::max<std::size_t>(1, kind.jobs / 10);
    kind.from /= 10;
  }
  return mix;
}

}  // namespace

void run_mixes(const ScenarioSettings& settings, Sheet& sheet) {
  if (!settings.mix_file.empty()) {
    std::ifstream in(settings.mix_file);
    const Mix mix = mix_of(nlohmann::ordered_json::parse(in));
    return run_mix(mix, mix.name, sheet);
  }
  std::vector<std::uint64_t> seeds = settings.seeds;
  if (seeds.empty()) seeds.assign(kept_seeds.begin(), kept_seeds.end());
  if (settings.brief) return run_mix(shortened(generate(seeds.front())), "brief", sheet);
  for (const std::uint64_t seed : seeds) {
    const std::string name = "seed " + std::to_string(seed);
    if (settings.wants(name)) run_mix(generate(seed), name, sheet);
  }
}

}  // namespace ferry::flow
