#pragma once

#include <cstdint>
#include <filesystem>

#include "compare/options.hpp"
#include "ferry/experiment.hpp"
#include "ferry/histogram.hpp"
#include "ferry/worker.hpp"
#include "load/open_loop.hpp"

namespace ferry::compare {

/// What a producer process measured of itself while it enqueued.
struct ProducerReport {
  std::int64_t jobs = 0;
  std::int64_t failed = 0;
  double began = 0;  ///< seconds on the machine's monotonic clock
  double cpu = 0;    ///< microseconds, start-up left out
  double round_trips = 0;
  double bytes = 0;         ///< both ways
  double memory_bytes = 0;  ///< resident, at most
  load::Figures load{};     ///< of an open loop
};

/// What a worker process measured of itself while it worked.
struct WorkerReport {
  std::int64_t done = 0;
  std::int64_t failed = 0;
  std::int64_t retried = 0;
  double cpu = 0;  ///< microseconds, start-up left out
  double round_trips = 0;
  double p50 = 0;
  double p99 = 0;
  double mean_batch = 0;
  double bytes = 0;         ///< both ways
  double memory_bytes = 0;  ///< resident, at most
  double expired = 0;
  double handler_time = 0;    ///< microseconds, of all calls together
  double processor_wait = 0;  ///< of these: ready to run, but no processor was free
  double run_p50 = 0;         ///< microseconds, of a call
  double run_p90 = 0;
  double mean = 0;           ///< of `latency`
  double within_budget = 0;  ///< jobs
  Histogram latency{};       ///< enqueued to settled
  StageTimes stages{};
  std::map<std::string, double> left_for{};  ///< batches, by reason
};

/// Where a producer stores a job that nobody works on, so that it is connected when it is due.
inline constexpr const char* connecting_queue = "connects";

/// `produce`: enqueues the input, at once or at a rate, and waits until Redis has it.
///
/// Returns: an exit code.
int run_producer(const Options& options, const Experiment& experiment);

/// `work`: works until TERM.
///
/// Returns: an exit code.
int run_worker(const Options& options, const Experiment& experiment);

/// Errors: `corrupt` when the file is not such a report.
ProducerReport read_producer_report(const std::filesystem::path& file);
WorkerReport read_worker_report(const std::filesystem::path& file);

/// Units: seconds on the clock that all processes of a machine share.
double monotonic_seconds();

}  // namespace ferry::compare
