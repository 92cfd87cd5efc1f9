#pragma once

#include <cstdint>
#include <vector>

#include "leases.hpp"
#include "redis/connection.hpp"
#include "stages/adopt.hpp"
#include "stages/leased_envelope.hpp"

namespace ferry::detail {

/// Gives back, on stop, all that this worker holds: what of envelopes is open, and entries that
/// were claimed and never read. No attempt and no delivery is burnt.
///
/// Returns: jobs given back; an entry that was not read counts as one.
/// Errors: `Error` as the connection throws it; what Redis refuses for one queue is left to the end
/// of the lease.
std::uint64_t give_back(redis::Connection& connection, const Leases& leases,
                        const std::vector<EnvelopePtr>& held, const std::vector<Claimed>& claimed);

}  // namespace ferry::detail
