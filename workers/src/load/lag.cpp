#include "load/lag.hpp"

#include <algorithm>

namespace ferry::load {

void Lag::record(std::chrono::nanoseconds lag) {
  ++sent;
  if (lag > tolerated_lag) ++late;
  worst = std::max(worst, lag);
}

bool Lag::too_much() const {
  return static_cast<double>(late) > tolerated_late * static_cast<double>(sent);
}

}  // namespace ferry::load
