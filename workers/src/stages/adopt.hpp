#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "batching/time.hpp"
#include "in_flight.hpp"
#include "leases.hpp"
#include "metrics.hpp"
#include "queue_health.hpp"
#include "redis/connection.hpp"
#include "stages/leased_envelope.hpp"

namespace ferry::detail {

/// An entry that is leased to this worker and whose body was not read yet.
struct Claimed {
  LeaseKey key;
  bool suspect = false;    ///< it was begun by a worker that is gone
  bool has_marks = false;  ///< `progress` is known; else it is asked for
  std::string progress{};
};

/// Takes leased stream entries into the worker, wherever they come from: a fetch, another worker
/// that died or set them aside, or a reply that was lost.
///
/// Bodies of what was not fetched are read by entry id, as credits come free, so that neither the
/// number of entries nor their size bounds what one call may claim.
///
/// Threads: any.
class Adopter {
 public:
  Adopter(const Leases& leases, InFlight& in_flight, QueueHealth& health, Metrics& metrics,
          std::function<bool(std::vector<EnvelopePtr>, CallerMay)> arrive);

  /// One entry as XREADGROUP and XRANGE give it: [id, [field, value, …]].
  ///
  /// Returns: whether there is one; not when the entry was deleted meanwhile.
  static bool fill(LeasedEnvelope& envelope, const redis::Reply& entry,
                   const redis::ReplyPtr& owner, std::uint32_t queue, Priority priority,
                   std::uint64_t epoch);

  /// Sends what `InFlight::add` found to be new into the graph. Returns as Pipeline::arrive.
  bool send(std::vector<EnvelopePtr> envelopes, CallerMay may);

  /// Entries that were claimed while `moving` was held. Their bodies are read later.
  void add_claimed(std::vector<Claimed> claimed);

  /// Reads bodies as far as there are credits.
  ///
  /// Returns: whether some are left.
  /// Errors: `Error` as the connection throws it; nothing is forgotten then.
  bool read_claimed(redis::Connection& connection);
  /// Returns: how many wait to be read, without those whose queue refuses that.
  std::size_t claimed() const;
  /// For the release on stop: nothing is read any more.
  std::vector<Claimed> take_claimed();

  /// Finds what is pending under our name although we do not hold it, because the reply that told
  /// us was lost, and counts it as claimed. Holds off other claims meanwhile.
  ///
  /// Errors: `Error` as the connection throws it.
  /// Threads: the fetch thread only, while no fetch is under way.
  void recover(redis::Connection& connection);

  /// Asks the fetch thread to recover before its next fetch.
  void want_recovery() { wanted_ = true; }
  bool recovery_wanted() const { return wanted_; }
  /// Also when a queue refused the last one. Threads: as `recover`.
  bool take_wanted_recovery();

  /// Held by whoever moves leases to this worker in another way than the fetch thread.
  std::mutex& moving() { return moving_; }

 private:
  struct Stream {
    std::uint32_t queue = 0;
    Priority priority = Priority::normal;
    std::string from = "-";  ///< the next page of what is pending
  };

  std::vector<Claimed> next_claimed(Time now);
  void adopt(redis::Connection& connection, const std::vector<Claimed>& some);
  void forget_claimed(std::size_t entries);
  /// Its queue refuses to be read: later again.
  void let_rest(const Claimed& entry);
  void recover_page(redis::Connection& connection, std::vector<Stream>& streams,
                    std::uint64_t epoch, std::set<std::uint32_t>& refused);

  const Leases& leases_;
  InFlight& in_flight_;
  QueueHealth& health_;
  Metrics& metrics_;
  std::function<bool(std::vector<EnvelopePtr>, CallerMay)> arrive_;
  std::mutex moving_;
  mutable std::mutex claimed_mutex_;
  std::deque<Claimed> claimed_;  ///< under `claimed_mutex_`, as the next one
  std::vector<std::pair<Time, Claimed>> resting_;
  std::size_t bytes_each_ = 0;  ///< of the bodies read last; under `moving_`
  std::atomic<bool> wanted_{false};
  Time again_at_ = Time::max();  ///< of the fetch thread
};

}  // namespace ferry::detail
