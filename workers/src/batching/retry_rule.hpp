#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "ferry/handlers.hpp"
#include "ferry/outcome.hpp"

namespace ferry::detail {

/// What follows from a run that did not end well.
struct Verdict {
  bool dead = false;                   ///< a dead letter, else another attempt
  std::chrono::milliseconds delay{0};  ///< until that attempt, 0 = at once; 0..366 days
  std::string reason;                  ///< at most wire::max_reason_bytes
};

/// Decides what becomes of a job whose outcome is `retry` or `fail`. `attempts` counts the run that
/// has just ended; `random` is any 64 random bits, for the jitter.
///
/// Reason of a job that has used up its attempts: "after 10 attempts: <last reason>".
Verdict decide(const Outcome& outcome, int attempts, int max_attempts, const Backoff& backoff,
               std::uint64_t random);

/// Returns: the longest beginning of `text` that fits and does not end inside a UTF-8 character.
std::string_view cut_reason(std::string_view text);

}  // namespace ferry::detail
