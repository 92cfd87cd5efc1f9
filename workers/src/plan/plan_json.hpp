#pragma once

#include <nlohmann/json_fwd.hpp>

#include "plan/plan.hpp"

namespace ferry::plan {

/// Everything a plan says, with its assumptions. Infinite values are null.
///
/// Units: ms, jobs a second, bytes, cores, the currency a month.
nlohmann::json json_of(const Plan& plan, const Measured& measured, const Rates& rates);

}  // namespace ferry::plan
