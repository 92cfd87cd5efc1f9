#pragma once

// Many workers, partitions and Redis servers in simulated time.
//
//   jobs ─Poisson─> partition ─> its server (one at a time) ─> a worker of the partition ─> handler
//                                   ^                                                         │
//                                   └──────────────────────── settle ─────────────────────────┘

#include <cstddef>
#include <cstdint>
#include <string>

#include "plan/queueing.hpp"

namespace ferry::plan {

/// Times in ms.
struct FleetSettings {
  double per_second = 0;
  std::size_t workers = 1;
  std::size_t handlers = 1;  ///< of each worker
  std::size_t partitions = 1;
  std::size_t servers = 1;  ///< Redis; partitions are dealt out one by one
  ServiceTime time{};
  double redis_per_job = 0;   ///< two thirds until a worker has it, the rest to settle
  std::size_t most_jobs = 1;  ///< of a batch
  double hold = 0;            ///< from the first job until a batch leaves though not full
  std::uint64_t seed = 1;
};

struct FleetAnswer {
  double simulated_seconds = 0;
  std::size_t jobs = 0;
  double mean = 0;
  double p99 = 0;
  double mean_batch = 1;
  double handlers_busy = 0;      ///< part of their time
  double busiest_server = 0;     ///< the same, of the Redis that has most to do
  double mean_redis_wait = 0;    ///< of a call for its server
  double mean_handler_wait = 0;  ///< of a job in its worker, holding included
  double done_per_second = 0;
};

/// The same settings give the same answer. At most 300,000 jobs are simulated.
FleetAnswer simulate_fleet(const FleetSettings& settings);

/// Where the first queue grows without end as the rate rises.
struct Bottleneck {
  std::string what;       ///< in words, for people
  double per_second = 0;  ///< jobs of the whole fleet
};

struct FleetLimits {
  double handlers = 0;  ///< jobs a second at which the first handlers are always busy
  double servers = 0;   ///< jobs a second at which the first Redis is
  Bottleneck first{};
};

/// `worker_saturation`: jobs a second of one worker. A Redis server does one thing at a time, so it
/// is full at one core.
FleetLimits limits_of(const FleetSettings& settings, double worker_saturation);

}  // namespace ferry::plan
