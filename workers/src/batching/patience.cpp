#include "batching/patience.hpp"

#include <algorithm>

namespace ferry::detail {

bool Patience::lasts(const std::string& place, Time now) {
  const auto [seen, is_new] = first_seen_.try_emplace(place, now);
  if (!is_new && now - seen->second >= lasting) {
    first_seen_.erase(seen);
    return false;
  }
  if (first_seen_.size() > most) {
    // Mostly these are gone: a newer worker has taken them.
    std::erase_if(first_seen_, [&](const auto& entry) {
      return entry.first != place && now - entry.second > lasting / 2;
    });
    if (first_seen_.size() > most) first_seen_ = {{place, now}};
  }
  return true;
}

}  // namespace ferry::detail
