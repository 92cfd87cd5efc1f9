#pragma once

#include <cstddef>

namespace ferry::plan {

/// A handler's call takes `fixed + per_job · size`, times a lognormal factor of median 1 and σ
/// `noise`. Any unit of time, the same everywhere.
struct ServiceTime {
  double fixed = 0;
  double per_job = 0;
  double noise = 0;

  double mean(double size) const;
  double second_moment(double size) const;
  /// Source: Johnson, Kotz, Balakrishnan, "Continuous Univariate Distributions", 14.2.
  double quantile(double size, double part) const;
};

/// What a queue of jobs that come independently of each other (Poisson) is like.
struct QueueAnswer {
  bool stable = false;
  double utilisation = 0;
  double mean_wait = 0;     ///< until the handler starts
  double mean_latency = 0;  ///< until it has ended
  double p99 = 0;           ///< of the latency; 0 where the model has none
  double mean_batch = 1;
};

/// One handler, job by job: M/G/1.
///
/// Source: the mean is Pollaczek and Khinchine's formula (Kleinrock, "Queueing Systems", vol. 1,
/// 5.63); the quantile takes the tail of the wait as exponential (Bolch et al., "Queueing Networks
/// and Markov Chains", 6.3), which is exact for exponential run times only.
QueueAnswer single_handler(double rate, const ServiceTime& time);

/// So many handlers, job by job, one queue: M/G/k.
///
/// Source: Erlang's C formula for the wait of M/M/k (Kleinrock, vol. 1, 3.40), times (1 + cv²) / 2
/// (Lee and Longton, "Queueing Processes Associated with Airline Passenger Check-in", 1959).
QueueAnswer handlers_side_by_side(double rate, const ServiceTime& time, std::size_t handlers);

/// One handler that takes all who wait, up to `most`, and never waits for company.
///
/// The number left behind at the end of a call is a Markov chain; its stationary distribution is
/// found by iteration, and Little's law gives the mean latency. With `most` = 1 it is M/G/1.
/// Source: Bailey, "On Queueing Processes with Bulk Service", 1954; run times that grow with the
/// batch: Deb and Serfozo, "Optimal Control of Batch Service Queues", 1973.
QueueAnswer greedy_batches(double rate, const ServiceTime& time, std::size_t most);

}  // namespace ferry::plan
