#include "report/html_tables.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "compare/table.hpp"
#include "report/html.hpp"

namespace ferry::report {
namespace {

using compare::count_text;
using compare::duration_text;
using compare::OpenComparison;
using compare::OpenRow;
using compare::Spread;

std::string number(double value) {
  if (!std::isfinite(value)) return "–";
  if (value == 0) return "0";
  if (value >= 100) return count_text(value);
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", value >= 10 ? 1 : value >= 1 ? 2 : 3, value);
  return text;
}

std::string time(double us) { return std::isfinite(us) ? duration_text(us) : "never"; }

std::string with_range(const Spread& spread, const std::function<std::string(double)>& text) {
  return text(spread.median) + " (" + text(spread.low) + "–" + text(spread.high) + ")";
}

std::string state(const OpenComparison& comparison, const OpenRow& row) {
  if (row.lagged) return "lagged: refused";
  if (row.unbalanced) return "books wrong: refused";
  if (!row.steady) return "not steady";
  return row.p99.median <= comparison.budget_us ? "in budget" : "too slow";
}

/// One line for each row, under a heading for each rate.
std::string by_rate(const OpenComparison& comparison, std::vector<std::string> titles,
                    const std::function<std::vector<std::string>(std::size_t)>& cells,
                    const std::vector<std::size_t>& words = {}) {
  std::vector<std::size_t> order(comparison.rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return comparison.rows[i].rate; });
  std::vector<TableRow> rows;
  double rate = -1;
  for (const std::size_t i : order) {
    const OpenRow& row = comparison.rows[i];
    if (row.rate != rate) rows.push_back({{number(row.rate) + " jobs/s"}, true});
    rate = row.rate;
    std::vector<std::string> line = cells(i);
    line.insert(line.begin(), row.policy);
    rows.push_back({std::move(line)});
  }
  titles.insert(titles.begin(), "policy");
  return table(titles, rows, words);
}

std::string reasons(const OpenRow& row) {
  std::string text;
  for (const auto& [reason, part] : row.left_for) {
    if (!text.empty()) text += ", ";
    text += reason + " " + number(part * 100) + " %";
  }
  return text;
}

}  // namespace

std::string latency_table(const OpenComparison& comparison) {
  return by_rate(
      comparison,
      {"offered/s", "achieved/s", "in budget/s", "p50", "p90", "p99 (range)", "p99.9", ""},
      [&](std::size_t i) -> std::vector<std::string> {
        const OpenRow& row = comparison.rows[i];
        return {number(row.offered.median), number(row.achieved.median), number(row.goodput.median),
                time(row.p50.median),       time(row.p90.median),        with_range(row.p99, time),
                time(row.p999.median),      state(comparison, row)};
      });
}

std::string tradeoff_table(const OpenComparison& comparison) {
  return by_rate(comparison, {"p99", "worker µs a job (range)", "place"},
                 [&](std::size_t i) -> std::vector<std::string> {
                   const OpenRow& row = comparison.rows[i];
                   std::string place = state(comparison, row);
                   if (const auto mark = comparison.row_dominated[i]) {
                     place = *mark ? "dominated" : "on the front";
                   }
                   if (compare::knee_row(comparison.rows, row.rate) == i) place += ", the knee";
                   return {time(row.p99.median), with_range(row.worker_time, number), place};
                 });
}

std::string stages_table(const OpenComparison& comparison) {
  std::vector<std::string> titles;
  for (const auto name : compare::stage_names) titles.emplace_back(name);
  titles.insert(titles.end(), {"sum", "mean latency", "sum / mean"});
  return by_rate(comparison, titles, [&](std::size_t i) {
    const OpenRow& row = comparison.rows[i];
    std::vector<std::string> cells;
    double sum = 0;
    double mean = 0;
    double done = 0;
    for (const double stage : row.stages) {
      cells.push_back(time(stage));
      sum += stage;
    }
    for (const compare::OpenRun& run : comparison.runs) {
      if (run.policy != row.policy || run.rate != row.rate) continue;
      mean += run.mean * run.done;
      done += run.done;
    }
    mean = done > 0 ? mean / done : 0;
    cells.push_back(time(sum));
    cells.push_back(time(mean));
    cells.push_back(mean > 0 ? number(sum / mean * 100) + " %" : "–");
    return cells;
  });
}

std::string price_table(const OpenComparison& comparison) {
  return by_rate(comparison,
                 {comparison.prices.currency + " a million jobs (range)", "worker µs a job",
                  "worker CPU µs", "producer CPU µs", "Redis CPU µs"},
                 [&](std::size_t i) -> std::vector<std::string> {
                   const OpenRow& row = comparison.rows[i];
                   return {with_range(row.price, number), number(row.worker_time.median),
                           number(row.worker_cpu.median), number(row.producer_cpu.median),
                           number(row.redis_cpu.median)};
                 });
}

std::string work_table(const OpenComparison& comparison) {
  return by_rate(comparison,
                 {"jobs a batch", "why batches left", "shed", "retried", "Redis commands a job",
                  "round trips a job", "bytes a job"},
                 [&](std::size_t i) -> std::vector<std::string> {
                   const OpenRow& row = comparison.rows[i];
                   return {number(row.mean_batch.median),     reasons(row),
                           number(row.shed.median),           number(row.retried.median),
                           number(row.redis_commands.median), number(row.round_trips.median),
                           number(row.bytes.median)};
                 },
                 {2});
}

std::string environment_table(const OpenComparison& comparison) {
  const compare::Machine& machine = comparison.machine;
  const std::string concurrency = comparison.concurrency == 0
                                      ? std::to_string(machine.cores) + " (the processors)"
                                      : std::to_string(comparison.concurrency);
  std::vector<TableRow> rows{
      {{"date", comparison.date + " UTC"}},
      {{"machine", std::to_string(machine.cores) + " cores, " + machine.cpu}},
      {{"system", machine.system}},
      {{"Redis", comparison.redis_version + ", " + comparison.redis}},
      {{"built with", machine.compiler + (machine.optimised ? ""
                                                            : ", WITHOUT optimisation: the "
                                                              "figures say little")}},
      {{"handlers side by side", concurrency}},
      {{"runs", std::to_string(comparison.runs.size()) + " of " +
                    duration_text(comparison.seconds * 1e6) + ", " +
                    std::to_string(comparison.repetitions) +
                    " for each policy and rate, in turns in a random order, seed " +
                    std::to_string(comparison.seed)}},
      {{"load", compare::open_load_label}},
      {{"budget", "p99 within " + duration_text(comparison.budget_us)}},
      {{"prices", "of " + comparison.prices.date + ", " + comparison.prices.currency + " " +
                      number(comparison.prices.core_hour) + " a core and hour and " +
                      number(comparison.prices.gigabyte_hour) +
                      " a GB and hour: " + comparison.prices.source}},
      {{"checks", compare::self_check_text(comparison)}}};
  for (const auto& [name, value] : comparison.settings) {
    if (!value.empty()) rows.push_back({{"--" + name, value}});
  }
  return table({"", ""}, rows, {1});
}

}  // namespace ferry::report
