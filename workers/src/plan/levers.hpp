#pragma once

#include <vector>

#include "plan/plan.hpp"
#include "plan/sizing.hpp"

namespace ferry::plan {

/// Returns: what would save something of the largest line of the bill: settings, the largest saving
/// first, then what takes a change of code.
std::vector<Lever> levers_of(const Sizer& sizer, const Sizing& now);

}  // namespace ferry::plan
