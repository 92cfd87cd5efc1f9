#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ferry::compare {

/// What one run of one policy cost. Totals of the run, not per job; times in microseconds.
struct RunReport {
  std::string policy;
  std::size_t repetition = 0;  ///< from 1
  std::int64_t jobs = 0;       ///< all of them done
  std::int64_t retried = 0;    ///< runs of a handler that had to be repeated
  double seconds = 0;          ///< first enqueue to last settle
  double p50 = 0;              ///< enqueued to settled
  double p99 = 0;
  double mean_batch = 0;
  double redis_commands = 0;  ///< executed by Redis, those inside its functions included
  double round_trips = 0;     ///< of producer and worker
  double producer_cpu = 0;
  double redis_cpu = 0;
  double worker_cpu = 0;

  double jobs_per_second() const { return seconds > 0 ? static_cast<double>(jobs) / seconds : 0; }
  double per_job(double total) const { return jobs > 0 ? total / static_cast<double>(jobs) : 0; }
};

/// The median and both ends of one figure over the repetitions.
struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};

/// Returns: zeros for no values.
Spread spread_of(std::vector<double> values);

/// One row of the table: a policy over its repetitions.
struct PolicyRow {
  std::string policy;
  std::size_t repetitions = 0;
  Spread jobs_per_second;
  Spread p50;
  Spread p99;
  Spread mean_batch;
  Spread redis_commands;  ///< per job, like all that follow
  Spread round_trips;
  Spread producer_cpu;
  Spread redis_cpu;
  Spread worker_cpu;
};

/// Returns: one row for each policy, in the order in which `policies` names them.
std::vector<PolicyRow> rows_of(const std::vector<RunReport>& runs,
                               const std::vector<std::string>& policies);

}  // namespace ferry::compare
