#pragma once

#include <string>
#include <vector>

#include "control_board.hpp"
#include "leases.hpp"
#include "queue_health.hpp"
#include "upkeep/role.hpp"

namespace ferry::detail {

/// Forgets producers that were silent for a day, in the queues that this worker keeps.
class ExpireProducers : public Role {
 public:
  ExpireProducers(const Leases& leases, const ControlBoard& board, QueueHealth& health);

  Time turn(redis::Connection& connection, Time now) override;

 private:
  const Leases& leases_;
  const ControlBoard& board_;
  QueueHealth& health_;
  Time next_round_;
  std::vector<std::string> cursors_;  ///< for each queue; empty = not in this round
};

}  // namespace ferry::detail
