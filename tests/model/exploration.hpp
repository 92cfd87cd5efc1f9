#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/world.hpp"

namespace ferry::model {

struct Exploration {
  std::size_t states = 0;
  std::size_t transitions = 0;
  bool complete = false;            ///< nothing was left to explore
  std::string wrong{};              ///< what went wrong, or nothing
  std::vector<std::string> path{};  ///< the shortest way there
};

/// Visits every state that can be reached, the nearest first; in each, everything must hold, and
/// everything must still come to its end. Stops at the first that is wrong, or at `most_states`.
///
/// States are told apart by 128 bits of their description.
Exploration explore(const WorldLimits& limits, const Flaw* flaw = nullptr,
                    std::size_t most_states = SIZE_MAX);

std::string show(const Exploration& exploration);

}  // namespace ferry::model
