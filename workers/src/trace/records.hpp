#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/job.hpp"
#include "ferry/policy.hpp"

namespace ferry::detail {

using TraceTime = std::chrono::steady_clock::time_point;

/// What became of one attempt.
enum class TracedEnd : std::uint8_t { untold, done, retry, dead };

/// One attempt of one sampled job.
struct TracedJob {
  JobId id;
  std::uint32_t kind = 0;
  std::uint32_t queue = 0;
  std::uint64_t batch = 0;
  int attempt = 1;
  int deliveries = 0;
  std::uint64_t enqueued_us = 0;  ///< since 1970, the producer's clock
  TraceTime arrived;
  TraceTime started;
  TraceTime ended;
  TraceTime told;                                 ///< Redis knows; without meaning while untold
  std::chrono::steady_clock::duration credit{0};  ///< of the time from arrived to started
  TracedEnd end = TracedEnd::untold;
  std::string traceparent;
};

/// A batch with at least one sampled job.
struct TracedBatch {
  std::uint64_t id = 0;
  std::uint32_t kind = 0;
  std::uint32_t queue = 0;  ///< of its first job
  LeaveReason reason = LeaveReason::idle;
  std::size_t jobs = 0;
  TraceTime arrived;  ///< its oldest job
  TraceTime started;
  TraceTime ended;
  std::chrono::steady_clock::duration credit{0};  ///< of its oldest job
};

/// All that a trace file tells.
struct TraceRecords {
  std::string worker;
  std::vector<std::string> kinds;
  std::vector<std::string> queues;
  std::vector<TracedJob> jobs;
  std::vector<TracedBatch> batches;
  std::uint64_t one_job_in = 1;  ///< the share that was sampled
  std::uint64_t seed = 0;        ///< makes the batches' span ids this worker's own
  /// What `TraceTime` zero is on the wall clock, read once: a clock that is set meanwhile moves
  /// nothing inside of the trace.
  std::int64_t wall_offset_us = 0;
};

}  // namespace ferry::detail
