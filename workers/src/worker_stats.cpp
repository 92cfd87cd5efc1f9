#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ferry/worker.hpp"

namespace ferry {

namespace {

using Row = std::vector<std::string>;

constexpr std::pair<const char*, double> quantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

/// Three significant digits at least, so that a column can be compared at a glance.
std::string rounded(double value) {
  char text[32];
  const int digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string duration_text(double us) {
  if (us < 1000)
    return us == static_cast<double>(static_cast<std::uint64_t>(us))
               ? std::to_string(static_cast<std::uint64_t>(us)) + " µs"
               : rounded(us) + " µs";
  return us < 1e6 ? rounded(us / 1e3) + " ms" : rounded(us / 1e6) + " s";
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = larger;
  }
  return rounded(value) + " " + unit;
}

std::string plain_number(double value) { return rounded(value); }

std::string counts_line(const char* title,
                        const std::vector<std::pair<std::string, std::string>>& counts) {
  std::string line = title;
  line.resize(10, ' ');
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (i > 0) line += ", ";
    line += counts[i].first + " " + counts[i].second;
  }
  return line + "\n";
}

Row row_of(const char* title, const Histogram& histogram, std::string (*text)(double)) {
  Row row{title, std::to_string(histogram.count()), text(histogram.mean())};
  for (const auto& [name, quantile] : quantiles) {
    row.push_back(text(static_cast<double>(histogram.at(quantile))));
  }
  row.push_back(text(static_cast<double>(histogram.max())));
  return row;
}

/// µ is one character in two bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

/// The first column to the left, the others to the right.
std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const Row& row : rows) {
    text += row[0] + std::string(widths[0] - width_of(row[0]), ' ');
    for (std::size_t i = 1; i < row.size(); ++i) {
      text += std::string(2 + widths[i] - width_of(row[i]), ' ') + row[i];
    }
    text += '\n';
  }
  return text;
}

std::string per(std::uint64_t count, std::uint64_t jobs) {
  return rounded(jobs == 0 ? 0 : static_cast<double>(count) / static_cast<double>(jobs));
}

nlohmann::ordered_json json_of(const Histogram& histogram) {
  nlohmann::ordered_json json;
  json["count"] = histogram.count();
  json["mean"] = histogram.mean();
  for (const auto& [name, quantile] : quantiles) json[name] = histogram.at(quantile);
  json["max"] = histogram.max();
  return json;
}

std::string objective_line(const ObjectiveStats& stats) {
  const LatencyObjective& objective = stats.objective;
  std::string name = objective.queue;
  if (!objective.kind.empty()) name += " " + objective.kind;
  char share[16];
  std::snprintf(share, sizeof share, "%.4g %%", objective.share * 100);
  return counts_line(
      "objective",
      {{name + ",", std::string(share) + " within " +
                        duration_text(static_cast<double>(objective.within.count()) * 1000)},
       {"jobs", std::to_string(stats.jobs)},
       {"late", std::to_string(stats.late)},
       {"burn rate of 5 minutes", rounded(stats.burn_5_minutes)},
       {"of an hour", rounded(stats.burn_1_hour)},
       {stats.burning ? "BURNS" : "does not burn", ""}});
}

nlohmann::ordered_json json_of(const std::vector<ObjectiveStats>& objectives) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ObjectiveStats& stats : objectives) {
    list.push_back({{"queue", stats.objective.queue},
                    {"kind", stats.objective.kind},
                    {"within_ms", stats.objective.within.count()},
                    {"share", stats.objective.share},
                    {"jobs", stats.jobs},
                    {"late", stats.late},
                    {"burn_5_minutes", stats.burn_5_minutes},
                    {"burn_1_hour", stats.burn_1_hour},
                    {"burning", stats.burning}});
  }
  return list;
}

}  // namespace

std::string WorkerStats::to_text() const {
  const auto text = [](auto count) { return std::to_string(count); };
  const std::uint64_t settled = done + retried + failed + expired + postponed;
  std::string lines = counts_line("jobs", {{"fetched", text(fetched_jobs)},
                                           {"done", text(done)},
                                           {"retried", text(retried)},
                                           {"failed", text(failed)},
                                           {"expired", text(expired)},
                                           {"postponed", text(postponed)},
                                           {"released", text(released)},
                                           {"stale", text(stale)},
                                           {"promoted", text(promoted_jobs)}});
  lines += counts_line("envelopes", {{"fetched", text(fetched_envelopes)},
                                     {"reclaimed", text(reclaimed_envelopes)},
                                     {"jobs each", per(fetched_jobs, fetched_envelopes)}});
  std::vector<std::pair<std::string, std::string>> left{{"left", text(batches)}};
  for (std::size_t reason = 0; reason < leave_reason_count; ++reason) {
    if (left_for[reason] == 0) continue;
    left.emplace_back(to_string(static_cast<LeaveReason>(reason)), text(left_for[reason]));
  }
  lines += counts_line("batches", left);
  for (const LatencyBudgetStats& budget : budgets) {
    lines += counts_line("budget", {{budget.kind, text(budget.jobs)},
                                    {"over", text(budget.over_budget)},
                                    {"dial", rounded(budget.dial)},
                                    {"a call", duration_text(budget.fixed_us)},
                                    {"a job", duration_text(budget.per_job_us)},
                                    {"useful size", plain_number(budget.useful_size)}});
  }
  for (const ConcurrencyStats& kind : concurrency) {
    lines += counts_line("handlers", {{kind.kind, text(kind.limit)}, {"of", text(kind.most)}});
  }
  lines += counts_line("redis", {{"commands", text(redis_commands)},
                                 {"round trips", text(round_trips)},
                                 {"settle calls", text(settle_calls)},
                                 {"reconnects", text(reconnects)},
                                 {"sent", bytes_text(bytes_out)},
                                 {"received", bytes_text(bytes_in)},
                                 {"round trips a job", per(round_trips, settled)}});
  lines += counts_line("credits", {{"free", text(credit_jobs_free)},
                                   {"out", text(credit_jobs_out)},
                                   {"total", text(credit_jobs_total)}});
  for (const ObjectiveStats& each : objectives) lines += objective_line(each);
  return lines + aligned({{"", "count", "mean", "p50", "p90", "p99", "p99.9", "max"},
                          row_of("enqueue to start", enqueue_to_start, duration_text),
                          row_of("enqueue to settled", enqueue_to_settled, duration_text),
                          row_of("run", run, duration_text),
                          row_of("jobs in a batch", batch_size, plain_number)});
}

std::string WorkerStats::to_json() const {
  nlohmann::ordered_json reasons;
  for (std::size_t reason = 0; reason < leave_reason_count; ++reason) {
    reasons[std::string(to_string(static_cast<LeaveReason>(reason)))] = left_for[reason];
  }
  nlohmann::ordered_json learned = nlohmann::ordered_json::array();
  for (const LatencyBudgetStats& budget : budgets) {
    learned.push_back({{"kind", budget.kind},
                       {"jobs", budget.jobs},
                       {"over_budget", budget.over_budget},
                       {"dial", budget.dial},
                       {"own_dial", budget.own_dial},
                       {"fixed_us", budget.fixed_us},
                       {"per_job_us", budget.per_job_us},
                       {"useful_size", budget.useful_size}});
  }
  nlohmann::ordered_json adaptive = nlohmann::ordered_json::array();
  for (const ConcurrencyStats& kind : concurrency) {
    adaptive.push_back({{"kind", kind.kind}, {"limit", kind.limit}, {"most", kind.most}});
  }
  const nlohmann::ordered_json json{{"fetched_jobs", fetched_jobs},
                                    {"fetched_envelopes", fetched_envelopes},
                                    {"done", done},
                                    {"retried", retried},
                                    {"failed", failed},
                                    {"expired", expired},
                                    {"postponed", postponed},
                                    {"released", released},
                                    {"stale", stale},
                                    {"reclaimed_envelopes", reclaimed_envelopes},
                                    {"promoted_jobs", promoted_jobs},
                                    {"batches", batches},
                                    {"left_for", reasons},
                                    {"budgets", learned},
                                    {"concurrency", adaptive},
                                    {"settle_calls", settle_calls},
                                    {"reconnects", reconnects},
                                    {"redis_commands", redis_commands},
                                    {"round_trips", round_trips},
                                    {"bytes_out", bytes_out},
                                    {"bytes_in", bytes_in},
                                    {"credit_jobs_free", credit_jobs_free},
                                    {"credit_jobs_out", credit_jobs_out},
                                    {"credit_jobs_total", credit_jobs_total},
                                    {"time_unit", "us"},
                                    {"enqueue_to_start", json_of(enqueue_to_start)},
                                    {"enqueue_to_settled", json_of(enqueue_to_settled)},
                                    {"run", json_of(run)},
                                    {"processor_wait_us", processor_wait_us},
                                    {"batch_size", json_of(batch_size)},
                                    {"stage_us",
                                     {{"before", stages.before_us},
                                      {"hold", stages.hold_us},
                                      {"credit", stages.credit_us},
                                      {"run", stages.run_us},
                                      {"settle", stages.settle_us},
                                      {"retry", stages.retry_us}}},
                                    {"objectives", json_of(objectives)}};
  return json.dump();
}

}  // namespace ferry
