#include "fault/harness/report.hpp"

#include <cmath>
#include <cstdio>

namespace ferry::fault {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value, double to = 10) { return std::round(value * to) / to; }

/// Not sums: set-up, or the same in every run.
bool is_text(const Json& value) { return value.is_string(); }

void line(std::string& text, const std::string& name, const Json& value) {
  std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
  text += "  " + name + std::string(name.size() < 28 ? 28 - name.size() : 1, ' ') + shown + "\n";
}

}  // namespace

Json report_of(const std::string& profile, std::uint64_t seed, const FleetOptions& options,
               const Fleet& fleet, const Ledger& ledger) {
  Json report;
  report["profile"] = profile;
  report["seed"] = std::to_string(seed);
  report["setup"] = std::to_string(options.producers) + " producers, " +
                    std::to_string(options.workers) + " workers, AOF " +
                    std::string(to_string(options.fsync)) + ", lease " +
                    std::to_string(options.lease_ms) + " ms, max_jobs_in_flight " +
                    std::to_string(options.in_flight);
  Json faults;
  for (std::size_t i = 0; i < fault_count; ++i) {
    const auto fault = static_cast<Fault>(i);
    faults[std::string(to_string(fault))] = fleet.inflicted(fault);
  }
  report["faults"] = faults;
  const double seconds = fleet.time_enqueuing().count();
  Json jobs;
  jobs["seconds"] = rounded(seconds);
  jobs["accepted"] = ledger.accepted;
  jobs["lost"] = ledger.lost;
  jobs["enqueued_twice"] = ledger.enqueued_twice;
  jobs["wrong_id"] = ledger.wrong_id;
  jobs["refused"] = ledger.refused;
  jobs["refused_yet_stored"] = ledger.refused_yet_stored;
  jobs["unknown"] = ledger.unknown;
  jobs["unknown_stored"] = ledger.unknown_stored;
  jobs["effects"] = ledger.effects;
  jobs["run_again"] = ledger.run_again;
  jobs["dead_letters"] = ledger.dead;
  jobs["stale_outcomes_refused"] = ledger.stale_jobs;
  jobs["reported_lost_calls"] = ledger.reported_lost_calls;
  jobs["books_off"] = ledger.books_off;
  jobs["recovered_jobs"] = ledger.recovery_ms.count;
  jobs["held_by_two_dying"] = ledger.held_by_two_dying;
  jobs["deaths_not_measured"] = fleet.unmeasured_deaths();
  report["jobs"] = jobs;
  report["recovery_ms"] = {{"p50", rounded(ledger.recovery_ms.p50)},
                           {"p99", rounded(ledger.recovery_ms.p99)},
                           {"max", rounded(ledger.recovery_ms.max)}};
  report["broken"] = ledger.broken;
  for (const std::string& complaint : fleet.complaints()) report["broken"].push_back(complaint);
  return report;
}

void add_to(Json& sum, const Json& run) {
  if (sum.is_null()) {
    sum = run;
    return;
  }
  sum["seed"] = sum["seed"].get<std::string>() + ", " + run["seed"].get<std::string>();
  for (const char* part : {"faults", "jobs"}) {
    for (const auto& [name, value] : run[part].items()) {
      if (value.is_number_float()) {
        sum[part][name] = rounded(sum[part][name].get<double>() + value.get<double>());
      } else {
        sum[part][name] = sum[part][name].get<std::int64_t>() + value.get<std::int64_t>();
      }
    }
  }
  for (const auto& [name, value] : run["recovery_ms"].items()) {
    sum["recovery_ms"][name] =
        std::max(sum["recovery_ms"][name].get<double>(), value.get<double>());
  }
  for (const auto& sentence : run["broken"]) sum["broken"].push_back(sentence);
}

std::string table_of(const Json& report) {
  std::string text;
  for (const auto& [name, value] : report.items()) {
    if (is_text(value)) line(text, name, value);
  }
  for (const char* part : {"faults", "jobs", "recovery_ms"}) {
    text += std::string(part) + "\n";
    for (const auto& [name, value] : report[part].items()) line(text, name, value);
  }
  const Json& jobs = report["jobs"];
  const double accepted = jobs["accepted"].get<double>();
  line(text, "accepted a second", std::llround(accepted / jobs["seconds"].get<double>()));
  line(text, "run again, percent", rounded(100 * jobs["run_again"].get<double>() / accepted, 1000));
  for (const auto& sentence : report["broken"]) {
    text += "BROKEN: " + sentence.get<std::string>() + "\n";
  }
  if (report["broken"].empty()) text += "every promise was kept\n";
  return text;
}

}  // namespace ferry::fault
