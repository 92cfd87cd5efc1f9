#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/job_cost.hpp"
#include "plan/per_job.hpp"

namespace ferry::plan {

/// One run of one policy at one rate, as `ferry compare --rates --json` wrote it. Times in µs,
/// figures of the whole run unless it says otherwise.
struct MeasuredRun {
  std::string policy;
  double rate = 0;  ///< jobs a second
  double seconds = 0;
  double done = 0;
  double mean_batch = 1;
  double handler_time = 0;  ///< of all calls together
  double producer_cpu = 0;
  double redis_cpu = 0;
  double worker_cpu = 0;
  double redis_commands = 0;
  double bytes = 0;  ///< both ways, of producer and worker
  bool lagged = false;
  double mean = 0;  ///< latencies; infinite when jobs did not end
  double p99 = 0;
  std::optional<double> outside{};  ///< per job: in none of the stages hold, credit and run
  std::optional<double> run_p50{};  ///< of a call
  std::optional<double> run_p90{};
};

/// What a measured run says about a handler.
struct Measured {
  std::string name;
  std::string machine;
  std::size_t concurrency = 1;  ///< handlers side by side in a worker
  bool sizes_differ = false;    ///< whether what a batch saves was measured
  PerJob run_time{};            ///< µs of a handler
  double noise = 0;             ///< σ of a lognormal factor on the run time
  bool noise_assumed = false;   ///< the file does not tell
  JobCost worker_cpu{};         ///< µs
  JobCost redis_cpu{};          ///< µs
  JobCost producer_cpu{};       ///< µs
  JobCost redis_commands{};
  JobCost bytes{};         ///< moved over connections
  double redis_bytes = 0;  ///< of Redis's memory, while the job waits
  bool redis_bytes_estimated = false;
  double outside_us = 0;  ///< latency outside holding, waiting for a handler and running
  std::vector<MeasuredRun> runs{};

  double us_per_redis_command() const;
};

/// Reads the file of an open-loop comparison; members that are not needed may be missing.
///
/// Errors: `invalid_argument` with `file`, the member that is missing and what to do.
Measured read_measured(std::string_view json, const std::string& file);

}  // namespace ferry::plan
