#pragma once

#include <functional>

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
  /// `may_share`: whether jobs wait here at all. `share`: gives back, among so many workers.
  Share(const Leases& leases, const ControlBoard& board, QueueHealth& health,
        std::function<bool()> may_share,
        std::function<void(std::uint32_t queue, std::size_t workers)> share);

  Time turn(redis::Connection& connection, Time now) override;

 private:
  const Leases& leases_;
  const ControlBoard& board_;
  QueueHealth& health_;
  std::function<bool()> may_share_;
  std::function<void(std::uint32_t, std::size_t)> share_;
};

}  // namespace ferry::detail
