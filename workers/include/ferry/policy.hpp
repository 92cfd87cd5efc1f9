#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ferry/job.hpp"

namespace ferry {

enum class PolicyKind : std::uint8_t { realtime, fixed, latency_budget };

/// Why a batch left; part of the batch, the metrics and the logs.
enum class LeaveReason : std::uint8_t {
  size,
  bytes,
  idle,    ///< a handler was free, and nothing was waited for
  linger,  ///< `fixed`: its first job had waited so long
  flush,
  stop,
  suspect,
  deadline,  ///< `latency_budget`: the last moment that keeps the budget
  no_gain,   ///< `latency_budget`: nobody joined while batches were held lately
  backlog,   ///< `latency_budget`: as many wait as the free handlers can take, or jobs are late
  crowded,   ///< the worker could hold no more (`max_jobs_in_flight`, `max_bytes_in_flight`)
};
inline constexpr std::size_t leave_reason_count = 11;

std::string_view to_string(PolicyKind kind);
std::string_view to_string(LeaveReason reason);

/// When a batch leaves for its handler.
///
/// `realtime()`: as soon as a handler is free, alone unless `max_jobs` says otherwise; while all
/// handlers are busy it grows. `fixed(…)`: when it is full, or `linger` after its first job reached
/// the worker. `latency_budget(…)`: as late as still keeps the time from enqueue to settled within
/// `budget` for 99 of 100 jobs, by what it has learned of the handler's run times; until it knows
/// them, as `realtime`. Any batch leaves at once on flush and on stop.
struct Policy {
  PolicyKind kind = PolicyKind::realtime;
  /// Units: jobs, 1..10,000.
  std::size_t max_jobs = 1;
  /// Units: payload bytes, 1 KiB..1 GiB; a single larger job travels alone.
  std::size_t max_bytes = 16 * 1024 * 1024;
  /// Units: 0..1 h; `fixed` only.
  std::chrono::microseconds linger{0};
  /// Units: 1 ms..1 h from enqueue to settled, for 99 of 100 jobs; `latency_budget` only. A job may
  /// carry its own, see `EnqueueOptions::latency_budget`.
  std::chrono::microseconds budget{0};
  /// `normal` or `low`; `latency_budget` only. See `shed`; nothing = no job is shed.
  std::optional<Priority> shed_from{};

  /// Jobs of this priority and of lower ones that are still waiting when their budget is spent are
  /// dropped and counted as expired; without it they run late. The time before they were put into
  /// the queue does not count, such as a delay or an earlier attempt, nor what only one of the
  /// producer's and Redis's clocks says. What a dead worker held is not shed.
  ///
  /// Returns: the same policy that does so, as in `latency_budget(50ms).shed(Priority::low)`.
  [[nodiscard]] Policy shed(Priority from) const;
  bool sheds(Priority priority) const { return shed_from && priority >= *shed_from; }

  /// Returns: as in `realtime`, `fixed(100, 5ms)`, `latency_budget(50ms, shed=low)`.
  std::string to_string() const;

  /// Reads what `to_string` writes: `realtime`, `realtime(N)`, `fixed(N, 5ms)`,
  /// `latency_budget(50ms)` or `latency_budget(50ms, N)`, either with `shed=low` or `shed=normal`
  /// as last argument; `fixed:N:5ms` and the like mean the same.
  ///
  /// Errors: `invalid_argument` with what was expected.
  static Policy parse(std::string_view text);

  /// Errors: `invalid_argument` with the field and the value.
  void validate() const;
};

/// One job at a time, or up to `max_jobs` of those that wait when a handler comes free.
Policy realtime(std::size_t max_jobs = 1);

/// Up to `max_jobs` or `max_bytes`, at most `linger` after the first.
Policy fixed(std::size_t max_jobs, std::chrono::microseconds linger,
             std::size_t max_bytes = 16 * 1024 * 1024);

/// The largest batches, up to `max_jobs` or `max_bytes`, with which 99 of 100 jobs are settled
/// within `p99` of their enqueueing.
Policy latency_budget(std::chrono::microseconds p99, std::size_t max_jobs = 1000,
                      std::size_t max_bytes = 16 * 1024 * 1024);

}  // namespace ferry
