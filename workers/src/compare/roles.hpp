#pragma once

#include <cstdint>
#include <filesystem>

#include "compare/options.hpp"
#include "ferry/experiment.hpp"

namespace ferry::compare {

/// What a producer process measured of itself while it enqueued.
struct ProducerReport {
  std::int64_t jobs = 0;
  std::int64_t failed = 0;
  double began = 0;  ///< seconds on the machine's monotonic clock
  double cpu = 0;    ///< microseconds, start-up left out
  double round_trips = 0;
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
};

/// `produce`: enqueues the input and waits until Redis has it.
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
