#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control_board.hpp"
#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "metrics.hpp"
#include "queue_health.hpp"
#include "stages/adopt.hpp"
#include "upkeep/role.hpp"

namespace ferry::detail {

/// Claims what is pending under names that do not live: envelopes of workers that fell silent, as
/// suspects; those that others set aside, as far as this worker can begin them soon. Then reads
/// their bodies as credits come free.
///
/// Each worker takes a share at a time, so that what one has lost spreads over all.
class TakeOver : public Role {
 public:
  /// `wanted`: how many more jobs of a kind this worker could take; 0 = none, or no such handler.
  TakeOver(Leases& leases, ControlBoard& board, InFlight& in_flight, Adopter& adopter,
           QueueHealth& health, Metrics& metrics, const Log& log,
           std::function<std::size_t(std::string_view kind)> wanted);

  Time turn(redis::Connection& connection, Time now) override;

 private:
  struct Wish {
    std::uint32_t queue = 0;
    Holder holder;
    std::size_t envelopes = 0;
    std::size_t jobs = 0;  ///< 0 = no bound
  };

  std::vector<Wish> wishes(Time now);
  bool rests(std::uint32_t queue, Time now) const;
  void claim(redis::Connection& connection, const std::vector<Wish>& wishes);

  Leases& leases_;
  ControlBoard& board_;
  InFlight& in_flight_;
  Adopter& adopter_;
  QueueHealth& health_;
  Metrics& metrics_;
  const Log& log_;
  std::function<std::size_t(std::string_view)> wanted_;
  Time next_newer_{};  ///< when envelopes for newer workers are tried again
};

}  // namespace ferry::detail
