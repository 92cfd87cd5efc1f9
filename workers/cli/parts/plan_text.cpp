#include "cli/parts/plan_text.hpp"

#include <cmath>
#include <cstdio>

#include "cli/parts/units.hpp"

namespace ferry::cli {
namespace {

using plan::LineKind;
using plan::Sizing;

std::string fixed_text(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// Three digits, whatever the size.
std::string short_text(double value) {
  if (!std::isfinite(value)) return "without end";
  if (value >= 10'000) return format_rate(value);
  if (value >= 100) return format_count(std::lround(value));
  if (value >= 10) return fixed_text(value, 1);
  return fixed_text(value, value >= 1 ? 2 : 3);
}

std::string percent(double part) {
  if (part > 0 && part < 0.01) return "< 1 %";
  return fixed_text(part * 100, 0) + " %";
}

std::string money(const plan::Rates& rates, double amount) {
  return rates.currency + ' ' + fixed_text(amount, amount >= 0.1 ? 2 : amount >= 0.001 ? 4 : 6);
}

std::string used_text(const plan::Line& line) {
  switch (line.kind) {
    case LineKind::worker_cpu:
    case LineKind::redis_cpu:
    case LineKind::producer_cpu:
      return short_text(line.used) + " cores used";
    case LineKind::redis_memory:
      return format_bytes(std::llround(line.used)) + " held";
    case LineKind::traffic:
      break;
  }
  return format_bytes(std::llround(line.used)) + " a month";
}

std::string per_job_text(const plan::PerJob& cost, const char* unit) {
  return short_text(cost.per_batch) + " + " + short_text(cost.per_job) + "·n " + unit;
}

/// Of a job, as most of it is none of a batch's.
std::string per_job_text(const plan::JobCost& cost, const char* unit) {
  return short_text(cost.per_job) + " + " + short_text(cost.per_batch) + "/n + " +
         short_text(cost.waking) + "/√rate " + unit;
}

std::string drain_text(const Sizing& sizing) {
  if (!std::isfinite(sizing.drain_seconds)) return "never done";
  return format_duration(std::chrono::milliseconds(std::llround(sizing.drain_seconds * 1e3)));
}

std::string count_of(std::size_t count, const char* one) {
  return format_count(static_cast<std::int64_t>(count)) + ' ' + one + (count == 1 ? "" : "s");
}

}  // namespace

std::string latency_text(double ms) {
  if (!std::isfinite(ms)) return "never";
  if (ms < 1) return fixed_text(ms * 1e3, 0) + " µs";
  if (ms < 1e4) return short_text(ms) + " ms";
  return short_text(ms / 1e3) + " s";
}

std::string handler_text(const plan::Measured& measured) {
  return "a batch of n takes " + per_job_text(measured.run_time, "µs") + " of a handler (σ " +
         fixed_text(measured.noise, 2) + "), a job " + per_job_text(measured.worker_cpu, "µs") +
         " of worker CPU and " + per_job_text(measured.redis_cpu, "µs") +
         " of Redis, which takes " + short_text(measured.us_per_redis_command()) +
         " µs a command; a job waits in " + short_text(measured.redis_bytes) + " bytes";
}

Table options_table(const plan::Plan& plan, const plan::Rates& rates) {
  Table table({{"POLICY"},
               {"ONE WORKER DOES", Align::right},
               {"WORKERS", Align::right},
               {rates.currency + " A MONTH", Align::right}});
  for (const plan::Option& option : plan.options) {
    if (option.most_per_second <= 0) {
      table.add({option.policy.to_string(), "cannot keep the budget"});
      continue;
    }
    const double workers = plan.question.workers > 0
                               ? static_cast<double>(plan.question.workers)
                               : std::ceil(plan.question.per_second / option.most_per_second);
    table.add({option.policy.to_string(), short_text(option.most_per_second) + "/s",
               format_count(std::lround(workers)), fixed_text(option.per_month, 2)});
  }
  return table;
}

Table sizing_table(const plan::Plan& plan) {
  std::vector<Table::Column> columns{{""}, {"NOW", Align::right}};
  if (plan.later) {
    columns.push_back({"IN " + fixed_text(plan.question.years, 1) + " YEARS", Align::right});
  }
  Table table(std::move(columns));
  const auto add = [&](const char* title, auto&& text) {
    std::vector<Cell> row{{title, Style::dim}, std::string(text(plan.now))};
    if (plan.later) row.emplace_back(text(*plan.later));
    table.add(std::move(row));
  };
  add("jobs a second", [](const Sizing& s) { return short_text(s.per_second); });
  add("workers", [](const Sizing& s) {
    return format_count(static_cast<std::int64_t>(s.workers)) + " × " +
           count_of(s.fleet_settings.handlers, "handler");
  });
  add("handlers busy", [](const Sizing& s) { return percent(s.worker.utilisation); });
  add("jobs per batch", [](const Sizing& s) { return short_text(s.worker.mean_batch); });
  add("latency, mean", [](const Sizing& s) { return latency_text(s.worker.mean); });
  add("latency, p99", [&](const Sizing& s) {
    return latency_text(s.worker.p99) + (s.keeps_budget ? "" : " (too slow)");
  });
  add("Redis", [](const Sizing& s) {
    return count_of(s.servers, "server") + ", busiest " + percent(s.fleet.busiest_server);
  });
  if (plan.question.outage_seconds > 0) {
    add("Redis memory after the outage", [](const Sizing& s) {
      return format_bytes(std::llround(s.bill.used(LineKind::redis_memory)));
    });
    add("caught up after", [](const Sizing& s) { return drain_text(s); });
  }
  return table;
}

Table bill_table(const plan::Plan& plan, const plan::Rates& rates) {
  std::vector<Table::Column> columns{{rates.currency + " A MONTH"},
                                     {"NOW", Align::right},
                                     {"PART", Align::right},
                                     {"", Align::right}};
  if (plan.later) columns.push_back({"LATER", Align::right});
  Table table(std::move(columns));
  const plan::Bill& bill = plan.now.bill;
  const double sum = bill.per_month();
  for (std::size_t i = 0; i < bill.lines.size(); ++i) {
    const plan::Line& line = bill.lines[i];
    std::vector<Cell> row{{std::string(plan::to_string(line.kind)), Style::dim},
                          fixed_text(line.per_month, 2),
                          percent(line.per_month / sum),
                          used_text(line)};
    if (plan.later) row.emplace_back(fixed_text(plan.later->bill.lines[i].per_month, 2));
    table.add(std::move(row));
  }
  std::vector<Cell> total{{"sum", Style::bold}, {fixed_text(sum, 2), Style::bold}, "", ""};
  std::vector<Cell> million{{"per million jobs", Style::dim},
                            fixed_text(plan::per_million(sum, plan.now.per_second), 4),
                            "",
                            ""};
  if (plan.later) {
    const double later = plan.later->bill.per_month();
    total.emplace_back(fixed_text(later, 2), Style::bold);
    million.emplace_back(fixed_text(plan::per_million(later, plan.later->per_second), 4));
  }
  table.add(std::move(total));
  table.add(std::move(million));
  return table;
}

std::string lever_text(const plan::Plan& plan, const plan::Rates& rates) {
  const plan::Line& line = plan.now.bill.largest();
  const std::string text = std::string(plan::to_string(line.kind)) + " is " +
                           percent(line.per_month / plan.now.bill.per_month()) + " of the price; ";
  if (plan.levers.empty()) return text + "no lever known here saves a hundredth of it.";
  const plan::Lever& lever = plan.levers.front();
  return text + lever.what + " saves " + percent(lever.part) + " of it, " +
         money(rates, lever.per_month) + " a month of the whole.";
}

std::string bottleneck_text(const Sizing& sizing) {
  const plan::FleetLimits& limits = sizing.limits;
  const plan::FleetSettings& fleet = sizing.fleet_settings;
  std::string text =
      "With " + count_of(fleet.workers, "worker") + ", " + count_of(fleet.partitions, "partition") +
      " and " + count_of(fleet.servers, "Redis server") + " the first bottleneck is " +
      (limits.first.what == "handlers" ? "the handlers" : "a Redis server's one core") + ", at " +
      short_text(limits.first.per_second) + " jobs/s (handlers " + short_text(limits.handlers) +
      "/s, Redis " + short_text(limits.servers) + "/s). At " + short_text(sizing.per_second) +
      "/s the simulated fleet";
  const plan::FleetAnswer& answer = sizing.fleet;
  if (answer.done_per_second < 0.97 * sizing.per_second) {
    return text + " falls behind: it does " + short_text(answer.done_per_second) + "/s.";
  }
  return text + " keeps its handlers " + percent(answer.handlers_busy) + " and its busiest Redis " +
         percent(answer.busiest_server) + " busy; a call waits " +
         latency_text(answer.mean_redis_wait) + " for Redis, a job " +
         latency_text(answer.mean_handler_wait) + " in its worker.";
}

std::string checks_text(const plan::Plan& plan) {
  std::string text;
  for (const plan::Check& check : plan.checks) {
    text += check.model + ": formula " + latency_text(check.formula_ms) + ", simulation " +
            latency_text(check.simulated_ms) + ", mean latency at 60 % load\n";
  }
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace ferry::cli
