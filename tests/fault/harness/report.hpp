#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "fault/harness/fleet.hpp"
#include "fault/harness/ledger.hpp"

namespace ferry::fault {

/// One run: its seed, what was done to it and what became of its jobs.
nlohmann::ordered_json report_of(const std::string& profile, std::uint64_t seed,
                                 const FleetOptions& options, const Fleet& fleet,
                                 const Ledger& ledger);

/// Adds a run's counts to those of the runs before; of percentiles the worst is kept.
void add_to(nlohmann::ordered_json& sum, const nlohmann::ordered_json& run);

/// Returns: a table for people, and a line for each promise that was broken.
std::string table_of(const nlohmann::ordered_json& report);

}  // namespace ferry::fault
