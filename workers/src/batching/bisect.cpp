#include "batching/bisect.hpp"

namespace ferry::detail {

std::vector<std::vector<std::size_t>> after_throw(const std::vector<std::size_t>& unmarked,
                                                  bool idempotent) {
  std::vector<std::vector<std::size_t>> groups;
  if (unmarked.size() <= 1) return groups;
  if (idempotent) {
    const auto middle = unmarked.begin() + static_cast<std::ptrdiff_t>(unmarked.size() / 2);
    groups.emplace_back(unmarked.begin(), middle);
    groups.emplace_back(middle, unmarked.end());
    return groups;
  }
  groups.reserve(unmarked.size());
  for (const std::size_t item : unmarked) groups.push_back({item});
  return groups;
}

}  // namespace ferry::detail
