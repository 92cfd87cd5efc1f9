#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "in_flight.hpp"
#include "leases.hpp"
#include "metrics.hpp"
#include "redis/connection.hpp"
#include "stages/leased_envelope.hpp"

namespace ferry::detail {

/// Takes leased stream entries into the worker, wherever they come from: a fetch, another worker
/// that died, or a reply that was lost.
///
/// Threads: any.
class Adopter {
 public:
  Adopter(const Leases& leases, InFlight& in_flight, Metrics& metrics,
          std::function<bool(std::vector<EnvelopePtr>, CallerMay)> arrive);

  /// One entry as XREADGROUP, XRANGE and XCLAIM give it: [id, [field, value, …]].
  ///
  /// Returns: whether there is one; not when the entry was deleted meanwhile.
  static bool fill(LeasedEnvelope& envelope, const redis::Reply& entry,
                   const redis::ReplyPtr& owner, std::uint32_t queue, Priority priority,
                   std::uint64_t epoch);

  /// Takes credits, registers the envelopes and sends them into the graph.
  void adopt(std::vector<EnvelopePtr> envelopes);

  /// The second half of `adopt`, for what `InFlight::add` found to be new. Returns as
  /// Pipeline::arrive.
  bool send(std::vector<EnvelopePtr> envelopes, CallerMay may);

  /// Finds what is pending under our name although we do not hold it, because the reply that told
  /// us was lost, and adopts it. Holds off reclaims meanwhile.
  ///
  /// Errors: `Error` as the connection throws it.
  /// Threads: the fetch thread only, while no fetch is under way.
  void recover(redis::Connection& connection);

  /// Asks the fetch thread to recover before its next fetch.
  void want_recovery() { wanted_ = true; }
  bool recovery_wanted() const { return wanted_; }
  bool take_wanted_recovery() { return wanted_.exchange(false); }

  /// Held by whoever moves leases to this worker in another way than the fetch thread.
  std::mutex& moving() { return moving_; }

 private:
  void recover_stream(redis::Connection& connection, std::uint32_t queue, Priority priority,
                      std::uint64_t epoch);

  const Leases& leases_;
  InFlight& in_flight_;
  Metrics& metrics_;
  std::function<bool(std::vector<EnvelopePtr>, CallerMay)> arrive_;
  std::mutex moving_;
  std::atomic<bool> wanted_{false};
};

}  // namespace ferry::detail
