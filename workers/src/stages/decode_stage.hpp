#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "batching/patience.hpp"
#include "control_board.hpp"
#include "ferry/handlers.hpp"
#include "log/log.hpp"
#include "stages/decode.hpp"
#include "stages/deferred_envelopes.hpp"

namespace ferry::detail {

/// The body of the decode stage: sorts what has come into jobs for the batch stage and what needs
/// no handler any more.
///
/// Threads: `handle` by one at a time, as the graph's node is serial; `deferred` from any.
class DecodeStage {
 public:
  DecodeStage(const std::vector<RawHandler>& handlers, std::vector<std::string> queue_names,
              int max_deliveries, UnknownKind unknown, std::size_t max_inflated_bytes,
              const ControlBoard& board, const Log& log);

  struct Result {
    Decoded decoded;
    bool deferred = false;  ///< there was no memory for some; they are to `retry`
    bool crowded = false;   ///< and what waits for company should make room
  };
  Result handle(const std::vector<EnvelopePtr>& envelopes);

  DeferredEnvelopes& deferred() { return deferred_; }

 private:
  using Clock = std::chrono::steady_clock;

  void complain(const Report& report, Clock::time_point now);

  KindIndex kinds_;
  std::vector<std::string> queue_names_;
  int max_deliveries_;
  const ControlBoard& board_;
  const Log& log_;
  DeferredEnvelopes deferred_;
  Patience patience_;
  UnknownKinds unknown_;
  Clock::time_point next_complaint_{};
  Clock::time_point next_crowded_{};
};

}  // namespace ferry::detail
