#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "batching/suspect.hpp"
#include "batching/time.hpp"

namespace ferry::detail {

/// Which envelope, which job; the batcher only passes it on.
struct JobRef {
  std::uint64_t token = 0;
  std::uint32_t index = 0;

  bool operator==(const JobRef&) const = default;
};

/// One job, or several of one envelope that have all this in common and stand side by side in it.
struct Arrival {
  std::uint32_t kind = 0;  ///< index into the kinds given to the batcher
  std::string_view batch_key;
  JobRef job;                       ///< the first of them
  std::uint32_t payload_bytes = 0;  ///< of all of them
  std::uint8_t priority = 1;        ///< as in Priority
  Suspect suspect = Suspect::no;
  Time at;
  std::uint32_t jobs = 1;
  /// How long before `at` the oldest of them was enqueued, by the producer's clock; never negative.
  std::chrono::nanoseconds age{0};
  std::chrono::nanoseconds budget{0};  ///< their own latency budget; 0 = the kind's
  Time expires = Time::max();          ///< not to be run after that, but dropped
  /// How long before `at` they were put where they were fetched from, by Redis's clock: a job's
  /// delays and earlier attempts lie before that. The maximum = as long as `age`.
  std::chrono::nanoseconds queued = std::chrono::nanoseconds::max();
};

/// Returns: the payload bytes of one job that arrived together with others.
using PayloadBytes = std::uint32_t (*)(const JobRef& job);

}  // namespace ferry::detail
