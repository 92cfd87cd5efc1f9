#pragma once

#include "batching/time.hpp"
#include "redis/connection.hpp"

namespace ferry::detail {

/// Something that has to be done for queues again and again. Upkeep owns the thread, the connection
/// and what happens when Redis is away.
///
/// Threads: upkeep's.
class Role {
 public:
  Role() = default;
  virtual ~Role() = default;
  Role(const Role&) = delete;
  Role& operator=(const Role&) = delete;

  /// Does what is due. All queues go in one write and one wait; what Redis refuses for one queue is
  /// told to QueueHealth.
  ///
  /// Returns: when it wants its next turn.
  /// Errors: `Error` as the connection throws it; the next turn comes after a pause.
  virtual Time turn(redis::Connection& connection, Time now) = 0;
};

}  // namespace ferry::detail
