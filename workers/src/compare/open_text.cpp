#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "compare/open_comparison.hpp"
#include "compare/pareto.hpp"
#include "compare/table.hpp"
#include "compare/verdict.hpp"

namespace ferry::compare {
namespace {

using nlohmann::json;

json json_of(const Spread& spread) {
  return {{"median", spread.median}, {"low", spread.low}, {"high", spread.high}};
}

template <typename Values>
json stages_json(const Values& values) {
  json stages = json::object();
  for (std::size_t i = 0; i < stage_names.size(); ++i) {
    stages[std::string(stage_names[i])] = values[i];
  }
  return stages;
}

json json_of(const OpenRun& run) {
  return {{"policy", run.policy},
          {"rate", run.rate},
          {"repetition", run.repetition},
          {"seconds", run.seconds},
          {"offered", run.offered},
          {"shed", run.shed},
          {"done", run.done},
          {"done_in_time", run.done_in_time},
          {"within_budget", run.within_budget},
          {"retried", run.retried},
          {"unfinished", run.unfinished},
          {"p50_us", run.p50},
          {"p90_us", run.p90},
          {"p99_us", run.p99},
          {"p999_us", run.p999},
          {"mean_us", run.mean},
          {"mean_batch", run.mean_batch},
          {"left_for", run.left_for},
          {"stages_us_per_job", stages_json(run.stages)},
          {"stages_part_of_mean", run.stages_of_mean()},
          {"producer_cpu_us", run.producer_cpu},
          {"redis_cpu_us", run.redis_cpu},
          {"worker_cpu_us", run.worker_cpu},
          {"handler_time_us", run.handler_time},
          {"processor_wait_us", run.processor_wait},
          {"run_p50_us", run.run_p50},
          {"run_p90_us", run.run_p90},
          {"worker_time_us", run.worker_time()},
          {"redis_commands", run.redis_commands},
          {"round_trips", run.round_trips},
          {"bytes", run.bytes},
          {"memory_bytes", run.memory_bytes},
          {"price_per_million", run.price},
          {"late", run.late},
          {"worst_lag_us", run.worst_lag},
          {"lagged", run.lagged},
          {"repeated_for_lag", run.repeated},
          {"steady", run.steady},
          {"books_wrong", run.books},
          {"little",
           {{"sampled_jobs", run.little.sampled},
            {"rate_times_latency_jobs", run.little.expected},
            {"standard_error", run.little.doubt},
            {"result", to_string(run.little.result)}}}};
}

json json_of(const OpenRow& row, const std::optional<bool>& is_dominated) {
  json all{{"policy", row.policy},
           {"rate", row.rate},
           {"repetitions", row.repetitions},
           {"lagged", row.lagged},
           {"unbalanced", row.unbalanced},
           {"steady", row.steady},
           {"offered_per_second", json_of(row.offered)},
           {"achieved_per_second", json_of(row.achieved)},
           {"goodput_per_second", json_of(row.goodput)},
           {"p50_us", json_of(row.p50)},
           {"p90_us", json_of(row.p90)},
           {"p99_us", json_of(row.p99)},
           {"p999_us", json_of(row.p999)},
           {"mean_us", json_of(row.mean)},
           {"shed", json_of(row.shed)},
           {"retried", json_of(row.retried)},
           {"mean_batch", json_of(row.mean_batch)},
           {"worker_time_us_per_job", json_of(row.worker_time)},
           {"producer_cpu_us_per_job", json_of(row.producer_cpu)},
           {"redis_cpu_us_per_job", json_of(row.redis_cpu)},
           {"worker_cpu_us_per_job", json_of(row.worker_cpu)},
           {"redis_commands_per_job", json_of(row.redis_commands)},
           {"round_trips_per_job", json_of(row.round_trips)},
           {"bytes_per_job", json_of(row.bytes)},
           {"price_per_million", json_of(row.price)},
           {"stages_us_per_job", stages_json(row.stages)},
           {"left_for", row.left_for}};
  all["dominated"] = is_dominated ? json(*is_dominated) : json();
  return all;
}

std::string short_number(double value) {
  if (value >= 100) return count_text(value);
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", value >= 10 ? 1 : value >= 1 ? 2 : 3, value);
  return text;
}

std::string latency(double us) { return std::isfinite(us) ? duration_text(us) : "never"; }

std::string state_of(const OpenComparison& comparison, std::size_t i) {
  const OpenRow& row = comparison.rows[i];
  if (row.lagged) return "lagged";
  if (row.unbalanced) return "books wrong";
  if (!row.steady) return "not steady";
  std::string state = row.p99.median <= comparison.budget_us ? "in budget" : "too slow";
  if (comparison.row_dominated[i].value_or(false)) state += ", dominated";
  if (knee_row(comparison.rows, row.rate) == i) state += ", knee";
  return state;
}

std::string table(const OpenComparison& comparison) {
  std::vector<std::vector<std::string>> lines{
      {"rate", "achieved", "goodput", "p50", "p90", "p99", "p99.9", "jobs per", "worker", "Redis",
       "per mio.", ""},
      {"policy", "jobs/s", "in budget", "latency", "latency", "latency", "latency", "batch",
       "µs/job", "cmds/job", comparison.prices.currency, ""}};
  std::vector<std::size_t> order(comparison.rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return comparison.rows[i].rate; });
  double rate = -1;
  for (const std::size_t i : order) {
    const OpenRow& row = comparison.rows[i];
    if (row.rate != rate) lines.push_back({"", count_text(row.rate) + "/s"});
    rate = row.rate;
    lines.push_back({row.policy, count_text(row.achieved.median), count_text(row.goodput.median),
                     latency(row.p50.median), latency(row.p90.median), latency(row.p99.median),
                     latency(row.p999.median), short_number(row.mean_batch.median),
                     short_number(row.worker_time.median), short_number(row.redis_commands.median),
                     short_number(row.price.median), state_of(comparison, i)});
  }
  lines[0][0] = "";
  return aligned(lines);
}

}  // namespace

std::string self_check_text(const OpenComparison& comparison) {
  std::array<std::size_t, 3> little{};
  std::size_t add_up = 0;
  std::size_t balanced = 0;
  double worst = 0;
  for (const OpenRun& run : comparison.runs) {
    ++little.at(static_cast<std::size_t>(run.little.result));
    balanced += run.books.empty() ? 1 : 0;
    const double off = std::abs(run.stages_of_mean() - 1);
    // What was cut off passed some of the stages only.
    if (run.unfinished > 0) continue;
    add_up += off <= 0.01 ? 1 : 0;
    worst = std::max(worst, off);
  }
  std::string text = "Little's law (L = λW within 5 %) held in " + std::to_string(little[0]) +
                     " runs, was broken in " + std::to_string(little[1]) +
                     " and could not be told in " + std::to_string(little[2]) +
                     " (too few jobs at a time, or jobs that did not end); stages added up to the "
                     "latency within 1 % in " +
                     std::to_string(add_up) + " runs (worst ";
  char percent[32];
  std::snprintf(percent, sizeof percent, "%.2f %%)", worst * 100);
  return text + percent + "; the books balanced in " + std::to_string(balanced) + " of " +
         std::to_string(comparison.runs.size()) + " runs";
}

std::string text_of(const OpenComparison& comparison) {
  std::string text = comparison.name + ": " + comparison.story + "\n" + open_load_label + "\n\n";
  text += text_of(comparison.machine, comparison.redis_version, comparison.redis);
  text += "runs      " + std::to_string(comparison.runs.size()) + " of " +
          duration_text(comparison.seconds * 1e6) + ", " + std::to_string(comparison.repetitions) +
          " for each policy and rate in turns, seed " + std::to_string(comparison.seed) + "\n";
  if (comparison.redis_bytes_per_job > 0) {
    text += "memory    a waiting job takes " + count_text(comparison.redis_bytes_per_job) +
            " bytes of Redis\n";
  }
  text += "budget    p99 within " + duration_text(comparison.budget_us) + "\n";
  text += "prices    of " + comparison.prices.date + ": " + comparison.prices.currency + " " +
          short_number(comparison.prices.core_hour) + " a core and hour, " +
          short_number(comparison.prices.gigabyte_hour) + " a GB and hour\n";
  text += table(comparison);
  text +=
      "Latency from the intended time to settled. worker µs/job: how long a job's work took "
      "handlers, its share of its batch, without what they waited for a processor. The price holds "
      "processors and memory of producer, Redis and worker.\n";
  text += "checks    " + self_check_text(comparison) + "\n\n";
  text += warning_of(comparison.machine);
  for (const std::string& note : comparison.verdict.notes) text += "note: " + note + "\n";
  return text + comparison.verdict.text + "\n";
}

json json_of(const OpenComparison& comparison) {
  json rows = json::array();
  for (std::size_t i = 0; i < comparison.rows.size(); ++i) {
    rows.push_back(json_of(comparison.rows[i], comparison.row_dominated[i]));
    rows.back()["knee"] = knee_row(comparison.rows, comparison.rows[i].rate) == i;
  }
  json runs = json::array();
  for (const OpenRun& run : comparison.runs) runs.push_back(json_of(run));
  const OpenVerdict& verdict = comparison.verdict;
  json findings = json::array();
  for (const RateFinding& finding : verdict.rates) {
    findings.push_back({{"rate", finding.rate},
                        {"refused", finding.refused},
                        {"first_policy_keeps_budget", finding.baseline_keeps},
                        {"cheapest", finding.cheapest},
                        {"saving", finding.saving}});
  }
  json all{{"experiment", comparison.name},
           {"story", comparison.story},
           {"load", "open loop"},
           {"load_note", open_load_label},
           {"date_utc", comparison.date},
           {"machine", json_of(comparison.machine, comparison.redis_version, comparison.redis)},
           {"settings",
            {{"repetitions", comparison.repetitions},
             {"seconds", comparison.seconds},
             {"budget_us", comparison.budget_us},
             {"concurrency", comparison.concurrency},
             {"seed", comparison.seed},
             {"policies", comparison.policies},
             {"capacities_closed_loop", comparison.capacities},
             {"experiment", comparison.settings}}},
           {"prices", json_of(comparison.prices)},
           {"knee_rule", knee_rule},
           {"rows", std::move(rows)},
           {"runs", std::move(runs)},
           {"underpowered", comparison.repetitions < enough_repetitions},
           {"findings", std::move(findings)},
           {"gain", to_string(verdict.gain)},
           {"notes", verdict.notes},
           {"verdict", verdict.text}};
  if (comparison.redis_bytes_per_job > 0) {
    all["redis_bytes_per_job"] = comparison.redis_bytes_per_job;
  }
  return all;
}

}  // namespace ferry::compare
