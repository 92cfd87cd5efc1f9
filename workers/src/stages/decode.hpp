#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "batching/batcher.hpp"
#include "batching/patience.hpp"
#include "stages/leased_envelope.hpp"
#include "stages/report.hpp"
#include "stages/unknown_kinds.hpp"

namespace ferry::detail {

/// Which handler a kind goes to.
using KindIndex = std::unordered_map<std::string_view, std::uint32_t>;

/// What decoding an envelope gives: jobs for the batcher, and jobs that need no handler any more.
struct Decoded {
  std::vector<Arrival> arrivals;  ///< neighbours that differ in nothing but their age are one
  Report report;
};

/// Returns: what the batcher has to know of a job that nobody suspects.
Arrival arrival_of(LeasedEnvelope& envelope, std::uint32_t index, std::uint32_t kind,
                   std::chrono::steady_clock::time_point now,
                   std::chrono::system_clock::time_point wall);

/// `redis_ms`: Redis's clock.
///
/// Returns: how long ago Redis gave an entry its id, at most a day.
std::chrono::nanoseconds queued_for(const redis::StreamId& id, std::uint64_t redis_ms);

/// Decodes an envelope and sorts its open jobs.
///
/// A job goes to the dead letters here when it was running in `max_deliveries` workers that died;
/// it is dropped when it has expired. One that no handler knows leaves for a worker that has one,
/// or goes to the dead letters, as `unknown` says. An envelope that cannot be decoded is reported
/// for burial whole; one of a newer version first waits for a newer worker. `redis_ms`: Redis's
/// clock as it is known here; 0 = not at all, then `wall` stands for it.
void decode_envelope(LeasedEnvelope& envelope, const KindIndex& kinds, int max_deliveries,
                     Patience& patience, UnknownKinds& unknown,
                     std::chrono::steady_clock::time_point now,
                     std::chrono::system_clock::time_point wall, std::uint64_t redis_ms,
                     Decoded& out);

}  // namespace ferry::detail
