#include "flow/score/quantile.hpp"

#include <algorithm>
#include <cmath>

namespace ferry::flow {

Moment quantile(std::vector<Moment> values, double part) {
  if (values.empty()) return Moment{0};
  const auto count = static_cast<double>(values.size());
  const auto rank = static_cast<std::size_t>(std::clamp(std::ceil(part * count), 1.0, count)) - 1;
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(rank));
  return values[rank];
}

}  // namespace ferry::flow
