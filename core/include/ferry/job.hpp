#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstdint>
#include <map>
#include <msgpack.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ferry/field_types.hpp"

namespace ferry {

/// A job's identity: a UUIDv7 made by the producer, so ids sort by the time of their making.
///
/// Source: RFC 9562, section 5.7.
struct JobId {
  std::array<std::uint8_t, 16> bytes{};

  /// Returns: 36 characters, as in `0190a6c5-7b1e-7c3d-8e4f-0123456789ab`.
  std::string to_string() const;

  /// Returns: nothing unless `text` is exactly a UUID in its 36-character form.
  static std::optional<JobId> parse(std::string_view text);

  auto operator<=>(const JobId&) const = default;
};

/// Which stream a job waits in; workers take a lower one only when those above came back short.
enum class Priority : std::uint8_t { high = 0, normal = 1, low = 2 };
inline constexpr std::size_t priority_count = 3;

std::string_view to_string(Priority priority);
std::optional<Priority> parse_priority(std::string_view text);

/// A plain struct with a stable name, packed by msgpack: `MSGPACK_DEFINE_MAP(fields…)` lets fields
/// be added later without breaking jobs that already wait. Fields may have any type that msgpack-c
/// stores, and those of field_types.hpp.
///
/// The kind is stored with every job: never rename it. It matches `[A-Za-z0-9_.-]{1,64}`.
template <typename T>
concept Job = requires(const T& job, msgpack::packer<msgpack::sbuffer>& packer) {
  { T::kind } -> std::convertible_to<std::string_view>;
  packer.pack(job);
};

/// What may be said of a single job when it is enqueued.
struct EnqueueOptions {
  /// Empty: the client's queue. Else `[A-Za-z0-9_.-]{1,64}`.
  std::string queue{};
  Priority priority = Priority::normal;
  /// Units: 0 = at once; at most 366 days. Counted by Redis's clock from the moment it is stored.
  std::chrono::milliseconds run_after{0};
  /// Units: 0 = never; at most 366 days, from now, and more than `run_after`. An expired job is
  /// dropped at fetch and counted.
  std::chrono::milliseconds expires_after{0};
  /// 0 = the worker's default; else 1..1000 runs that reported an outcome.
  int max_attempts = 0;
  /// W3C Trace Context `traceparent`, 55 characters, or empty.
  ///
  /// Source: https://www.w3.org/TR/trace-context/#traceparent-header
  std::string traceparent{};
  /// Only jobs with equal batch keys share a batch; at most 128 bytes.
  std::string batch_key{};
  /// At most 32 entries and 8 KiB in all.
  std::map<std::string, std::string> headers{};
  /// Units: 0 = that of the worker's policy; else 1 ms..1 h from now to settled. Counts where the
  /// worker runs the kind under a latency budget; jobs of different budgets may share a batch.
  std::chrono::milliseconds latency_budget{0};

  /// Errors: `invalid_argument` with the field and the value.
  void validate() const;
};

}  // namespace ferry
