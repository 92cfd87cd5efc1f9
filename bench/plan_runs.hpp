#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "ferry/client_options.hpp"
#include "ferry/policy.hpp"

namespace ferry::bench {

/// The handler whose latencies `ferry plan` has to predict: it waits 4 + 0.2·n ms, times a
/// lognormal factor with σ = 0.15, as one that asks a database. Four of them side by side in a
/// worker.
struct ModelHandler {
  static constexpr double fixed_ms = 4;
  static constexpr double per_job_ms = 0.2;
  static constexpr double sigma = 0.15;
  static constexpr std::size_t concurrency = 4;
};

struct ModelRun {
  Policy policy{};
  double rate = 0;                       ///< jobs a second, at random (Poisson)
  std::chrono::milliseconds warm_up{0};  ///< what was meant for that time does not count
  std::chrono::milliseconds duration{0};
  std::uint64_t seed = 1;
};

/// Runs it on a Redis that is up, under a queue of its own.
///
/// Returns: one element of "runs" as `ferry compare --rates --json` writes it; latencies count from
/// the intended time to the handler's end, and the mean time of settling is added.
/// Errors: `Failure` when the generator lagged or a job was lost.
nlohmann::json run_model(const RedisOptions& redis, const ModelRun& run);

/// Returns: jobs a second of a worker with so many late jobs before it, in the middle of them.
double drain_model(const RedisOptions& redis, const Policy& policy, std::size_t jobs);

}  // namespace ferry::bench
