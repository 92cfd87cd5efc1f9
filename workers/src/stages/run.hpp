#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ferry/handlers.hpp"
#include "stages/leased_envelope.hpp"

namespace ferry::detail {

/// One batch on its way through a handler.
///
/// Threads: one stage at a time.
struct Run {
  struct Place {
    LeasedEnvelope* envelope;  ///< held by InFlight until it is settled
    std::uint32_t index;
  };

  std::uint32_t kind = 0;  ///< index in the worker's handlers
  std::vector<Place> places;
  std::vector<JobContext> contexts;  ///< one for each place
  RawBatch batch;                    ///< items point into `contexts`
  std::chrono::steady_clock::time_point started;
  std::chrono::steady_clock::time_point ended;
};
using RunPtr = std::shared_ptr<Run>;

/// Fills in the contexts and items of a run whose places are known.
void prepare(Run& run, const std::vector<std::string>& queue_names);

/// Calls the handler and turns whatever happens into outcomes: afterwards every item is marked.
///
/// A batch that throws is tried again in smaller groups (see bisect.hpp), so that only a job that
/// throws alone pays an attempt.
/// Errors: none; nothing is thrown.
void run_handler(const RawHandler& handler, RawBatch& batch);

}  // namespace ferry::detail
