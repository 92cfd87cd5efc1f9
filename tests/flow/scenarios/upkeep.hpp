#pragma once

// The parts of the scenario `upkeep`; see upkeep.cpp.

#include <chrono>
#include <string>

#include "flow/mix/mix.hpp"
#include "flow/scenarios/scenario.hpp"

namespace ferry::flow {

void take_over_cells(const ScenarioSettings& settings, Sheet& sheet);
void take_over_brief(Sheet& sheet);
void delay_cells(const ScenarioSettings& settings, Sheet& sheet);
void idle_cells(const ScenarioSettings& settings, Sheet& sheet);

/// Jobs of one kind that take no time, on so many queues. `lease` 0 = the default.
Mix upkeep_mix(std::size_t queues, std::size_t workers, std::chrono::milliseconds lease);

/// Units: ms, as in "0.1 ms".
std::string round_trip_name(std::chrono::microseconds round_trip);

}  // namespace ferry::flow
