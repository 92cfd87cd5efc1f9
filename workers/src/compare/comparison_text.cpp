#include <algorithm>
#include <nlohmann/json.hpp>

#include "compare/comparison.hpp"
#include "compare/table.hpp"
#include "compare/verdict.hpp"

namespace ferry::compare {
namespace {

using nlohmann::json;

std::string plural(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string settings_text(const Comparison& comparison) {
  const std::size_t concurrency =
      comparison.concurrency == 0 ? comparison.machine.cores : comparison.concurrency;
  std::string text = "worker concurrency " + std::to_string(concurrency);
  for (const auto& [name, value] : comparison.settings) {
    if (!value.empty()) text += ", " + name + " " + value;
  }
  return text;
}

json json_of(const Spread& spread) {
  return {{"median", spread.median}, {"low", spread.low}, {"high", spread.high}};
}

json json_of(const PolicyRow& row) {
  return {{"policy", row.policy},
          {"repetitions", row.repetitions},
          {"jobs_per_second", json_of(row.jobs_per_second)},
          {"p50_us", json_of(row.p50)},
          {"p99_us", json_of(row.p99)},
          {"mean_batch", json_of(row.mean_batch)},
          {"redis_commands_per_job", json_of(row.redis_commands)},
          {"round_trips_per_job", json_of(row.round_trips)},
          {"producer_cpu_us_per_job", json_of(row.producer_cpu)},
          {"redis_cpu_us_per_job", json_of(row.redis_cpu)},
          {"worker_cpu_us_per_job", json_of(row.worker_cpu)}};
}

json json_of(const RunReport& run) {
  return {{"policy", run.policy},
          {"repetition", run.repetition},
          {"jobs", run.jobs},
          {"retried", run.retried},
          {"seconds", run.seconds},
          {"jobs_per_second", run.jobs_per_second()},
          {"p50_us", run.p50},
          {"p99_us", run.p99},
          {"mean_batch", run.mean_batch},
          {"redis_commands", run.redis_commands},
          {"round_trips", run.round_trips},
          {"producer_cpu_us", run.producer_cpu},
          {"redis_cpu_us", run.redis_cpu},
          {"worker_cpu_us", run.worker_cpu}};
}

}  // namespace

std::string text_of(const Comparison& comparison) {
  const auto [fewest, most] = std::ranges::minmax(comparison.runs, {}, &RunReport::jobs);
  std::string jobs = count_text(static_cast<double>(fewest.jobs));
  if (most.jobs != fewest.jobs) jobs += " to " + count_text(static_cast<double>(most.jobs));
  std::string text = comparison.name + ": " + comparison.story + "\n" + load_label + "\n\n";
  text += text_of(comparison.machine, comparison.redis_version, comparison.redis);
  text +=
      "runs      " + plural(comparison.repetitions, "repetition") + " of " +
      (comparison.policies.size() == 1 ? "1 policy"
                                       : std::to_string(comparison.policies.size()) + " policies") +
      " in turns, seed " + std::to_string(comparison.seed) + ", after one that does not count; " +
      jobs + " jobs a run\n";
  text += "settings  " + settings_text(comparison) + "\n\n";
  text += table_of(rows_of(comparison.runs, comparison.policies)) + "\n";
  std::int64_t retried = 0;
  for (const RunReport& run : comparison.runs) retried += run.retried;
  if (retried > 0) {
    text += "note: " + count_text(static_cast<double>(retried)) +
            " runs of jobs were retried; their backoff is part of the figures\n";
  }
  text += warning_of(comparison.machine);
  return text + verdict_of(comparison.runs, comparison.policies) + "\n";
}

json json_of(const Comparison& comparison) {
  json rows = json::array();
  for (const PolicyRow& row : rows_of(comparison.runs, comparison.policies)) {
    rows.push_back(json_of(row));
  }
  json runs = json::array();
  for (const RunReport& run : comparison.runs) runs.push_back(json_of(run));
  const bool underpowered = comparison.repetitions < enough_repetitions;
  return {{"experiment", comparison.name},
          {"load", "closed loop"},
          {"load_note", load_label},
          {"machine", json_of(comparison.machine, comparison.redis_version, comparison.redis)},
          {"settings",
           {{"repetitions", comparison.repetitions},
            {"limit", comparison.limit},
            {"concurrency", comparison.concurrency},
            {"seed", comparison.seed},
            {"policies", comparison.policies},
            {"experiment", comparison.settings}}},
          {"rows", std::move(rows)},
          {"runs", std::move(runs)},
          {"underpowered", underpowered},
          {"verdict", verdict_of(comparison.runs, comparison.policies)}};
}

}  // namespace ferry::compare
