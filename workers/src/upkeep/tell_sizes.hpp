#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control_board.hpp"
#include "leases.hpp"
#include "pressure/envelope_size.hpp"
#include "queue_health.hpp"
#include "upkeep/role.hpp"

namespace ferry::detail {

/// Tells producers how large an envelope suits a kind, in the queues that this worker keeps: when
/// it has changed, at most once a second.
class TellSizes : public Role {
 public:
  /// `sizes`: of this worker's kinds, as they are now; views into something that stays.
  TellSizes(Leases& leases, const ControlBoard& board, QueueHealth& health,
            std::function<std::vector<EnvelopeSize>()> sizes);

  Time turn(redis::Connection& connection, Time now) override;

 private:
  struct Told {
    std::string own;  ///< what this worker's kinds were when it looked last
    Time look_again = Time::min();
  };

  Leases& leases_;
  const ControlBoard& board_;
  QueueHealth& health_;
  std::function<std::vector<EnvelopeSize>()> sizes_;
  std::vector<Told> told_;  ///< for each queue
  bool denied_ = false;     ///< this user may not tell
};

}  // namespace ferry::detail
