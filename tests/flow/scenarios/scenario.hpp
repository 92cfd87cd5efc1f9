#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "flow/scenarios/sheet.hpp"

namespace ferry::flow {

struct ScenarioSettings {
  /// One small cell of each, for every run of the tests: seconds, and only what holds on any
  /// machine is asked.
  bool brief = false;
  /// Only cells whose name has this in it; empty = all.
  std::string only;
  /// Of the mixes; empty = those of `seeds`.
  std::vector<std::uint64_t> seeds;
  /// A file with a mix as the JSON of a run has it, to run in their place.
  std::string mix_file;

  bool wants(const std::string& cell) const {
    return only.empty() || cell.find(only) != std::string::npos;
  }
};

/// A question about how work flows, and the loads that answer it.
struct Scenario {
  const char* name;
  const char* question;
  void (*run)(const ScenarioSettings& settings, Sheet& sheet);
};

/// In the order of the README's table.
std::span<const Scenario> all_scenarios();

void run_batches(const ScenarioSettings& settings, Sheet& sheet);
void run_blocking(const ScenarioSettings& settings, Sheet& sheet);
void run_holding(const ScenarioSettings& settings, Sheet& sheet);
void run_sharing(const ScenarioSettings& settings, Sheet& sheet);
void run_mixes(const ScenarioSettings& settings, Sheet& sheet);
void run_bytes(const ScenarioSettings& settings, Sheet& sheet);
void run_flight(const ScenarioSettings& settings, Sheet& sheet);
void run_upkeep(const ScenarioSettings& settings, Sheet& sheet);

}  // namespace ferry::flow
