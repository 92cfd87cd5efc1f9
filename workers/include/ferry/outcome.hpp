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

/// A handler's word on one job. Returning nothing means done, throwing means retry.
struct Outcome {
  OutcomeKind kind = OutcomeKind::done;
  /// `retry` only; negative = the kind's backoff.
  std::chrono::milliseconds delay{-1};
  std::string reason{};
};

inline Outcome done() { return {}; }

/// Runs again after the kind's backoff; costs an attempt.
inline Outcome retry(std::string reason) {
  return {OutcomeKind::retry, std::chrono::milliseconds{-1}, std::move(reason)};
}

/// Runs again after `delay`, 0 = at once; costs an attempt.
inline Outcome retry_after(std::chrono::milliseconds delay, std::string reason) {
  return {OutcomeKind::retry, delay, std::move(reason)};
}

/// Goes to the dead letters with its reason, whatever attempts are left.
inline Outcome fail(std::string reason) {
  return {OutcomeKind::fail, std::chrono::milliseconds{-1}, std::move(reason)};
}

}  // namespace ferry
