#pragma once

#include "model/differential.hpp"
#include "model/simulation.hpp"

namespace ferry::model {

/// Returns: an observer that performs each call on a real queue too and compares what it did.
inline Simulation::Observer compared_with(RealQueue& real) {
  return [&real](const Operation& operation, const Answer& answer, const Twin& twin) {
    real.append(operation);
    const Effect seen = real.read(operation);
    if (seen.answer == answer && seen.stored == twin.snapshot()) return std::string();
    return "the library differs: " + show(seen.answer) + " instead of " + show(answer);
  };
}

}  // namespace ferry::model
