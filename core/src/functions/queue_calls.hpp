#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "functions/keys.hpp"
#include "redis/connection.hpp"

// The functions of inspect.lua and dead.lua as C++ functions: arguments in, checked replies out.
//
// Errors: what `Connection::call` throws; `internal` for a reply of another shape.

namespace ferry {

inline constexpr std::size_t max_dead_retry = 200;

struct CountsReply {
  std::int64_t accepted = 0;
  std::int64_t done = 0;
  std::int64_t expired = 0;
  std::int64_t cancelled = 0;
  std::int64_t delayed = 0;
  std::int64_t dead = 0;
  std::int64_t bytes = 0;
  std::int64_t ready = 0;
  std::int64_t envelopes = 0;
  std::int64_t leased_envelopes = 0;
  std::int64_t due_entries = 0;
  std::int64_t parked_entries = 0;
  std::int64_t dead_entries = 0;
  std::int64_t workers = 0;
  std::int64_t oldest_age_ms = 0;
  std::int64_t paused = 0;
  std::int64_t server_time_ms = 0;
  std::array<std::string, priority_count> last_delivered;

  /// Returns: whether no job has moved between the two.
  bool same_books(const CountsReply& other) const;
};

CountsReply call_counts(redis::Connection& connection, const Keys& keys);

struct JobsAndBytes {
  std::int64_t jobs = 0;
  std::int64_t bytes = 0;
};

/// Counts a whole range of a stream, slice by slice.
JobsAndBytes count_range(redis::Connection& connection, const Keys& keys, std::size_t priority,
                         std::string_view from, std::string_view to);

/// Counts all of `due` or `dead`, slice by slice.
JobsAndBytes count_parked(redis::Connection& connection, const Keys& keys, const std::string& set);

void call_pause(redis::Connection& connection, const Keys& keys, bool paused);

/// Removes a slice of at most so many elements.
///
/// Returns: jobs removed, 0 when none are left.
std::int64_t call_purge(redis::Connection& connection, const Keys& keys, std::size_t elements);

/// One dead letter and what shall be stored instead.
struct DeadRetry {
  std::string name;
  std::string envelope;
};

/// Returns: jobs moved. At most `max_dead_retry` letters.
std::int64_t call_dead_retry(redis::Connection& connection, const Keys& keys,
                             std::span<const DeadRetry> letters);

/// Returns: jobs dropped. At most `Slice::max_elements` names.
std::int64_t call_dead_drop(redis::Connection& connection, const Keys& keys,
                            std::span<const std::string> names);

}  // namespace ferry
