#pragma once

#include <chrono>

#include "control_board.hpp"
#include "leases.hpp"
#include "queue_health.hpp"
#include "upkeep/role.hpp"

namespace ferry::detail {

/// Strikes silent workers off and finds what can be claimed, for the queues that this worker keeps.
/// The others hear of it with their next heartbeat.
class Look : public Role {
 public:
  Look(Leases& leases, ControlBoard& board, QueueHealth& health, std::chrono::milliseconds lease);

  Time turn(redis::Connection& connection, Time now) override;

 private:
  Leases& leases_;
  ControlBoard& board_;
  QueueHealth& health_;
  std::chrono::milliseconds lease_;
};

}  // namespace ferry::detail
