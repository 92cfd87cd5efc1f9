#pragma once

#include "in_flight.hpp"
#include "leases.hpp"
#include "upkeep/role.hpp"

namespace ferry::detail {

/// Gives up names of this worker under which nothing is leased any more.
class RetireNames : public Role {
 public:
  RetireNames(Leases& leases, const InFlight& in_flight) : leases_(leases), in_flight_(in_flight) {}

  Time turn(redis::Connection& connection, Time now) override;

 private:
  Leases& leases_;
  const InFlight& in_flight_;
};

}  // namespace ferry::detail
