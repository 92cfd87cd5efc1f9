#include "cli/parts/load_report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/parts/units.hpp"
#include "compare/table.hpp"

namespace ferry::cli {
namespace {

using compare::duration_text;

std::string count(std::uint64_t number) { return format_count(static_cast<std::int64_t>(number)); }

std::string quantile_text(const Histogram& latency, double quantile) {
  return duration_text(static_cast<double>(latency.at(quantile)));
}

double per_second(std::uint64_t jobs, double seconds) {
  return seconds > 0 ? static_cast<double>(jobs) / seconds : 0;
}

std::string worst_text(const load::Lag& lag) {
  return duration_text(std::max(static_cast<double>(lag.worst.count()) / 1e3, 0.0));
}

std::string load_name(const LoadPlan& plan) {
  if (!plan.trace.empty()) return "trace " + plan.trace;
  return std::string(to_string(plan.shape)) + ", " + format_rate(plan.rate) + "/s at most for " +
         format_duration(plan.duration) + ", seed " + std::to_string(plan.seed);
}

/// Returns: what to make of the figures.
std::string verdict(const load::Figures& figures) {
  if (figures.offered == 0) return "No verdict: nothing was sent.";
  if (figures.lag.too_much()) {
    return "No verdict: the generator lagged, " + count(figures.lag.late) + " of " +
           count(figures.lag.sent) +
           " jobs were sent more than 10 ms late. The load was not the one asked for; the machine "
           "is busy, or the rate too high for one generator.";
  }
  const std::uint64_t lost = figures.dropped + figures.refused + figures.failed;
  std::string text = figures.stopped ? "Stopped before its end. " : "";
  if (lost == 0) return text + "Every job was stored.";
  return text + count(lost) + " of " + count(figures.offered) + " jobs were not stored.";
}

}  // namespace

bool load_succeeded(const load::Figures& figures) {
  return figures.offered > 0 && !figures.stopped && !figures.lag.too_much() &&
         figures.stored == figures.offered;
}

std::string load_progress(const LoadPlan& plan, const load::Figures& figures) {
  std::string text = format_duration(
      std::chrono::milliseconds(static_cast<std::int64_t>(std::llround(figures.seconds * 1000))));
  if (plan.trace.empty()) text += " of " + format_duration(plan.duration);
  text += ": " + count(figures.offered) + " offered, " + count(figures.stored) + " stored, p99 " +
          quantile_text(figures.stored_after_us, 0.99);
  const std::uint64_t lost = figures.dropped + figures.refused + figures.failed;
  if (lost > 0) text += ", " + count(lost) + " not stored";
  if (figures.lag.late > 0) text += ", " + count(figures.lag.late) + " sent late";
  return text;
}

std::string load_text(const LoadPlan& plan, const load::Figures& figures,
                      const ClientStats& stats) {
  const Histogram& latency = figures.stored_after_us;
  std::string text =
      "load      " + load_name(plan) + ", kind " + plan.kind + " into " + plan.queue + "\n";
  text += "offered   " + count(figures.offered) + " jobs, " +
          format_rate(per_second(figures.offered, figures.seconds)) + "/s\n";
  text += "stored    " + count(figures.stored) + " jobs, " +
          format_rate(per_second(figures.stored, figures.seconds)) + "/s; dropped " +
          count(figures.dropped) + " (the client's buffer was full), refused " +
          count(figures.refused) + " (the queue was full), failed " + count(figures.failed) + "\n";
  text += "latency   p50 " + quantile_text(latency, 0.5) + ", p90 " + quantile_text(latency, 0.9) +
          ", p99 " + quantile_text(latency, 0.99) + ", p99.9 " + quantile_text(latency, 0.999) +
          ", max " + duration_text(static_cast<double>(latency.max())) +
          "; from the intended time to Redis's word\n";
  text += "lag       " + count(figures.lag.late) + " jobs sent more than 10 ms late, worst " +
          worst_text(figures.lag) + "\n";
  text += "redis     " + count(stats.round_trips) + " round trips, " + count(stats.envelopes) +
          " envelopes, sent " + format_bytes(static_cast<std::int64_t>(stats.bytes_out)) + "\n";
  if (figures.failed > 0) text += "failure   " + figures.first_failure + "\n";
  return text + verdict(figures) + "\n";
}

nlohmann::json load_json(const LoadPlan& plan, const load::Figures& figures,
                         const ClientStats& stats) {
  const Histogram& latency = figures.stored_after_us;
  nlohmann::json load{{"queue", plan.queue}, {"kind", plan.kind}, {"seed", plan.seed}};
  if (plan.trace.empty()) {
    load["shape"] = to_string(plan.shape);
    load["rate"] = plan.rate;
    load["seconds"] = static_cast<double>(plan.duration.count()) / 1e3;
  } else {
    load["trace"] = plan.trace;
  }
  return {{"load", std::move(load)},
          {"offered", figures.offered},
          {"stored", figures.stored},
          {"dropped", figures.dropped},
          {"refused", figures.refused},
          {"failed", figures.failed},
          {"first_failure", figures.first_failure},
          {"seconds", figures.seconds},
          {"offered_per_second", per_second(figures.offered, figures.seconds)},
          {"stored_per_second", per_second(figures.stored, figures.seconds)},
          {"latency_us",
           {{"from", "intended time"},
            {"to", "stored"},
            {"p50", latency.at(0.5)},
            {"p90", latency.at(0.9)},
            {"p99", latency.at(0.99)},
            {"p999", latency.at(0.999)},
            {"max", latency.max()},
            {"mean", latency.mean()}}},
          {"late", figures.lag.late},
          {"worst_lag_us", std::max(static_cast<double>(figures.lag.worst.count()) / 1e3, 0.0)},
          {"lagged", figures.lag.too_much()},
          {"stopped", figures.stopped},
          {"round_trips", stats.round_trips},
          {"envelopes", stats.envelopes},
          {"bytes_out", stats.bytes_out},
          {"verdict", verdict(figures)}};
}

}  // namespace ferry::cli
