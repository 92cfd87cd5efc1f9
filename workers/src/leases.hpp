#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control.hpp"
#include "functions/keys.hpp"
#include "queue_health.hpp"
#include "redis/connection.hpp"

namespace ferry::detail {

/// The names under which this worker holds leases.
///
/// A worker is registered in each of its queues under one name. When a queue strikes that name off
/// (the worker was silent for longer than its lease), the worker takes a new name everywhere; the
/// old one is kept alive in the other queues until what was leased under it is settled.
///
/// All calls for all queues are one write and one wait. What Redis refuses for one queue is told to
/// QueueHealth, and the others go on.
///
/// Threads: any; Redis is called without the lock.
class Leases {
 public:
  Leases(std::string base_name, std::vector<Keys> queues);

  const std::vector<Keys>& queues() const { return queues_; }
  std::uint64_t current_epoch() const;
  std::string name(std::uint64_t epoch) const;
  bool is_lost(std::uint32_t queue, std::uint64_t epoch) const;
  bool is_registered(std::uint32_t queue) const;
  bool has_old_names() const;

  /// Notes that a queue answered STALE; a new name is taken if it was the current one's.
  void lost(std::uint32_t queue, std::uint64_t epoch);

  /// Registers the current name wherever it is not registered yet; where Redis refused that, not
  /// again before QueueHealth::rest.
  ///
  /// Errors: `Error` as the connection throws it, or as Redis replies for all queues.
  void register_missing(redis::Connection& connection, QueueHealth& health);

  /// Forgets that a queue is registered, for a server that lost it (NOGROUP).
  void forget_registration(std::uint32_t queue);

  /// One heartbeat for each queue in `due`, and for all under older names, under which something is
  /// still leased. `keeps`: whether this worker would look after queues.
  ///
  /// Returns: the answer of each queue.
  /// Errors: as `register_missing`.
  std::vector<Control> beat(redis::Connection& connection, std::chrono::milliseconds lease,
                            bool keeps, QueueHealth& health, const std::vector<bool>& due);

  /// Says goodbye under every name; errors are left to the lease's end.
  void leave(redis::Connection& connection);

  /// Drops old names under which nothing is leased any more. `oldest_in_use` is the lowest epoch of
  /// all envelopes in flight.
  void retire_before(std::uint64_t oldest_in_use, redis::Connection& connection);

 private:
  using Time = std::chrono::steady_clock::time_point;
  enum class Standing : std::uint8_t { unregistered, registered, lost };
  struct Epoch {
    std::uint64_t number;
    std::string name;
    std::vector<Standing> standing;  ///< for each queue
  };
  struct Beat {
    std::uint32_t queue;
    std::uint64_t epoch;
    std::string name;
    bool current;
  };

  Epoch* find(std::uint64_t epoch);
  const Epoch* find(std::uint64_t epoch) const;
  void new_epoch();
  std::vector<Beat> beats(const std::vector<bool>& due) const;

  std::string base_name_;
  std::vector<Keys> queues_;
  mutable std::mutex mutex_;
  std::vector<Epoch> epochs_;   ///< the last one is current
  std::vector<Time> next_try_;  ///< for each queue: to register
};

}  // namespace ferry::detail
