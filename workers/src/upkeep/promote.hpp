#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "control_board.hpp"
#include "leases.hpp"
#include "metrics.hpp"
#include "queue_health.hpp"
#include "upkeep/role.hpp"

namespace ferry::detail {

/// Moves jobs whose time has come to their streams, for the queues that this worker keeps.
///
/// A queue with nothing due costs one cheap look; what is due is known by Redis's clock.
class Promote : public Role {
 public:
  /// How late a job that was delayed by another process may be noticed.
  static constexpr std::chrono::milliseconds longest_nap{100};

  Promote(const Leases& leases, const ControlBoard& board, QueueHealth& health, Metrics& metrics);

  Time turn(redis::Connection& connection, Time now) override;

 private:
  struct Large {
    std::uint32_t queue = 0;
    std::string name;
    std::string bytes;
  };

  std::vector<std::uint32_t> with_something_due(redis::Connection& connection, Time now,
                                                Time& next);
  /// Returns: the queues in which more is due.
  std::vector<std::uint32_t> move(redis::Connection& connection,
                                  const std::vector<std::uint32_t>& queues, Time& next);
  /// Returns: whether the body is moved, or somebody else was faster.
  bool move_large(redis::Connection& connection, const Large& large);

  const Leases& leases_;
  const ControlBoard& board_;
  QueueHealth& health_;
  Metrics& metrics_;
  std::vector<Large> large_;       ///< that the last `move` met
  std::vector<bool> inside_only_;  ///< for each queue: this user may not move bodies without Lua
};

}  // namespace ferry::detail
