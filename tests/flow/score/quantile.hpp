#pragma once

#include <vector>

#include "flow/moment.hpp"

namespace ferry::flow {

/// Returns: the smallest value that `part` of them (in (0, 1]) do not exceed; 0 for none.
Moment quantile(std::vector<Moment> values, double part);

}  // namespace ferry::flow
