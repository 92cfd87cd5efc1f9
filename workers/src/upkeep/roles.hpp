#pragma once

#include <chrono>
#include <cstdint>

#include "leases.hpp"
#include "metrics.hpp"
#include "redis/connection.hpp"
#include "stages/adopt.hpp"

namespace ferry::detail {

// What has to be done for the queues by any worker, one role in each file. Every worker does all of
// them; the functions make it safe to do them at once.
//
// Errors: `Error` as the connection throws it.

/// Takes over envelopes of workers that fell silent, as suspects, and those that an older worker
/// could not read.
///
/// Returns: envelopes taken from silent workers.
std::size_t reclaim(redis::Connection& connection, Leases& leases, Adopter& adopter,
                    std::chrono::milliseconds lease, std::size_t envelopes);

/// Moves jobs whose time has come to their streams.
struct Promoted {
  std::uint64_t jobs = 0;
  std::chrono::milliseconds next_due{-1};  ///< negative: nothing is delayed
};
Promoted promote(redis::Connection& connection, const Leases& leases);

/// Forgets producers that were silent for a day.
///
/// Returns: producers forgotten.
std::size_t expire_producers(redis::Connection& connection, const Leases& leases);

}  // namespace ferry::detail
