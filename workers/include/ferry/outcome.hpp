#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ferry {

/// What became of a run; spelt as it is logged and counted.
enum class OutcomeKind : std::uint8_t { done, retry, fail };

std::string_view to_string(OutcomeKind kind);

/// As `Outcome::delay`: the kind's backoff decides.
inline constexpr std::chrono::milliseconds kinds_backoff{-1};

/// A handler's word on one job. Returning nothing means done, throwing means retry.
struct [[nodiscard]] Outcome {
  OutcomeKind kind = OutcomeKind::done;
  /// `retry` only. Units: 0 (at once) to 366 days, or `kinds_backoff`. A longer one counts as 366
  /// days, another negative one as the backoff, and the job's reason says so.
  std::chrono::milliseconds delay = kinds_backoff;
  std::string reason{};
};

inline Outcome done() { return {}; }

/// Runs again after the kind's backoff; costs an attempt.
inline Outcome retry(std::string reason) {
  return {OutcomeKind::retry, kinds_backoff, std::move(reason)};
}

/// Runs again after `delay`, 0 (at once) to 366 days; costs an attempt.
///
/// Errors: `invalid_argument` for a negative delay. Thrown out of a handler it means retry, as
/// anything does, with that sentence as the reason.
Outcome retry_after(std::chrono::milliseconds delay, std::string reason);

/// Goes to the dead letters with its reason, whatever attempts are left.
inline Outcome fail(std::string reason) {
  return {OutcomeKind::fail, kinds_backoff, std::move(reason)};
}

}  // namespace ferry
