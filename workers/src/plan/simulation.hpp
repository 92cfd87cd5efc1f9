#pragma once

// A worker in simulated time: the real batcher, made-up arrivals and run times.
//
//   streams ─Poisson─> waiting in Redis ─FlightLimit─> Batcher ─> runners ─> latencies
//                          ^                             ^   │        │
//                          └──── postponed for a while ──│ <─┘        │
//                                                        └────────────┘

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "batching/batcher.hpp"

namespace ferry::detail {

/// A call of a handler takes `fixed + per_job · size`, times a lognormal factor of median 1.
struct SimulatedCost {
  double fixed_ms = 4;
  double per_job_ms = 0.2;
  double sigma = 0.15;
};

/// Jobs of one kind and budget.
struct SimulatedStream {
  double per_second = 0;               ///< Poisson; without meaning in a closed loop
  std::uint32_t kind = 0;              ///< index into the policies
  std::chrono::nanoseconds budget{0};  ///< the jobs' own, 0 = the policy's
  std::size_t closed_loop = 0;         ///< so many jobs outstanding, always
  /// So many wait in Redis when the worker starts, and have waited for `backlog_age`.
  std::size_t backlog = 0;
  std::chrono::nanoseconds backlog_age{0};
  Priority priority = Priority::normal;
};

struct SimulationSettings {
  std::vector<Policy> policies;
  std::vector<SimulatedStream> streams;
  SimulatedCost cost{};
  std::size_t runners = 4;
  std::chrono::milliseconds warm_up{0};   ///< what is enqueued in it does not count
  std::chrono::milliseconds duration{0};  ///< after the warm-up; then all jobs are run to the end
  std::size_t most_held = 40'000;         ///< in the worker, or fewer; the others wait in Redis
  bool expire = false;                    ///< what is over its budget when fetched is dropped
  std::uint64_t seed = 1;
  /// Factors of the rates and of the costs at a time since the start; none = 1.
  std::function<double(std::chrono::nanoseconds)> rate_factor{};
  std::function<double(std::chrono::nanoseconds)> cost_factor{};
};

struct SimulatedJob {
  std::chrono::nanoseconds enqueued{0};  ///< since the start; below zero in a backlog
  std::chrono::nanoseconds latency{0};
  std::uint32_t stream = 0;
  bool dropped = false;
};

struct SimulationResult {
  std::vector<SimulatedJob> jobs;  ///< all of them, in the order of their ends
  std::chrono::nanoseconds counted_from{0};
  std::chrono::nanoseconds counted_to{0};
  double worker_ms = 0;  ///< of batches that started in the counted time
  std::size_t batches = 0;
  std::size_t jobs_in_batches = 0;
  std::array<std::size_t, leave_reason_count> left_for{};
  std::size_t most_held = 0;
  std::size_t postponed = 0;  ///< so often a job went back to Redis for a while
  double last_dial = 0;       ///< of the first kind
  double last_own_dial = 0;

  double worker_ms_per_job() const;
  double mean_batch() const;
  /// Returns: the latency that the share `q` of a stream's jobs kept, in ms; counted time only.
  double latency_ms(double q, std::uint32_t stream = 0) const;
  /// Returns: the share of a stream's jobs that took longer, or were dropped.
  double late_share(std::chrono::nanoseconds budget, std::uint32_t stream = 0) const;
  /// Returns: jobs per second that ended in the interval within their budget.
  double goodput(std::chrono::nanoseconds budget, std::chrono::nanoseconds from,
                 std::chrono::nanoseconds to) const;
};

/// The same settings give the same result.
SimulationResult simulate(const SimulationSettings& settings);

}  // namespace ferry::detail
