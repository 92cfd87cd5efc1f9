#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "batching/suspect.hpp"
#include "ferry/handlers.hpp"
#include "stages/leased_envelope.hpp"

namespace ferry::detail {

/// Hands the jobs of a group to their runner one after the other, so that somebody else can take
/// away those behind a job that takes long.
///
/// Threads: any; one runner.
class GroupCursor {
 public:
  void start(std::size_t jobs) { end_ = jobs; }

  /// Returns: the next job to run, after saying that the one before has ended.
  std::optional<std::size_t> next();

  struct Ended {
    std::size_t from = 0;
    std::size_t to = 0;
  };
  /// Returns: jobs that have ended and that nobody has been told of yet; they count as told now.
  Ended take_ended();

  /// Takes away what the runner has not begun.
  ///
  /// Returns: these jobs.
  Ended take_rest();

  std::size_t begun() const;

 private:
  mutable std::mutex mutex_;
  std::size_t begun_ = 0;  ///< jobs the runner has begun; all but the last of them have ended
  std::size_t ended_ = 0;
  std::size_t told_ = 0;
  std::size_t end_ = 0;
};

/// One batch on its way through a handler.
///
/// Threads: one stage at a time.
struct Run {
  struct Place {
    LeasedEnvelope* envelope;  ///< held by InFlight until it is settled
    std::uint32_t index;
  };

  std::uint32_t kind = 0;  ///< index in the worker's handlers
  Suspect suspect = Suspect::no;
  bool late = false;                           ///< its jobs are over their latency budget
  bool shed = false;                           ///< and all of them are to be dropped
  std::chrono::milliseconds postponed_for{0};  ///< above 0: instead of being run
  std::uint64_t ticket = 0;                    ///< see ConcurrencyLimit; 0 = it tells nothing
  /// Queues in which the start of suspects could not be noted: those do not run now.
  std::vector<std::uint32_t> unnoted{};
  std::vector<Place> places;
  std::vector<JobContext> contexts;  ///< one for each place
  RawBatch batch;                    ///< items point into `contexts` and `opened`
  std::unique_ptr<char[]> opened;    ///< payloads that were sealed
  GroupCursor cursor;                ///< of a per-job handler's group
  std::chrono::steady_clock::time_point started;
  std::chrono::nanoseconds waited_for_processor{0};       ///< in the handler, when that is measured
  std::chrono::steady_clock::duration busy_when_left{0};  ///< BusyTime when it left the batch stage
};
using RunPtr = std::shared_ptr<Run>;

/// Returns: the run's ticket; 0 when a job is to be tried again, as how soon a handler gives up
/// says nothing about how long it takes.
std::uint64_t ticket_of(const Run& run);

/// Fills in the contexts and items of a run whose places are known.
void prepare(Run& run, const std::vector<std::string>& queue_names);

/// Runs a group of a per-job handler job by job, as far as its cursor goes.
void run_group(const RawHandler& handler, Run& run);

/// Calls the handler and turns whatever happens into outcomes: afterwards every item is marked.
///
/// A batch that throws is tried again in smaller groups (see bisect.hpp), so that only a job that
/// throws alone pays an attempt.
/// Errors: none; nothing is thrown.
void run_handler(const RawHandler& handler, RawBatch& batch);

}  // namespace ferry::detail
