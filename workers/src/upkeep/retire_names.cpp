#include "upkeep/retire_names.hpp"

#include <algorithm>

namespace ferry::detail {

Time RetireNames::turn(redis::Connection& connection, Time now) {
  if (leases_.has_old_names()) {
    std::uint64_t oldest = leases_.current_epoch();
    for (const EnvelopePtr& envelope : in_flight_.all()) {
      oldest = std::min(oldest, envelope->epoch);
    }
    leases_.retire_before(oldest, connection);
  }
  return now + std::chrono::milliseconds{500};
}

}  // namespace ferry::detail
