#pragma once

#include <functional>
#include <vector>

#include "control_board.hpp"
#include "leases.hpp"
#include "queue_health.hpp"
#include "upkeep/role.hpp"

namespace ferry::detail {

/// Notices that other workers have nothing to do while jobs wait here: then jobs are given back.
///
/// Others have something to do as long as anything in the queue's streams was not delivered yet.
class Share : public Role {
 public:
  /// `waiting`: for each queue, whether jobs of it may wait here; empty where none do. `share`: gives
  /// back, among so many workers.
  Share(const Leases& leases, const ControlBoard& board, QueueHealth& health,
        std::function<std::vector<bool>()> waiting,
        std::function<void(std::uint32_t queue, std::size_t workers)> share);

  Time turn(redis::Connection& connection, Time now) override;

 private:
  const Leases& leases_;
  const ControlBoard& board_;
  QueueHealth& health_;
  std::function<std::vector<bool>()> waiting_;
  std::function<void(std::uint32_t, std::size_t)> share_;
};

}  // namespace ferry::detail
