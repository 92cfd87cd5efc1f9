#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ferry {

/// What went wrong, spelt as it is logged.
enum class ErrorCode : std::uint8_t {
  invalid_argument,  ///< the caller is wrong; the message names the field
  unavailable,       ///< Redis cannot be reached or is not ready; nothing was stored
  outcome_unknown,   ///< the connection broke and stayed broken: stored or not, nobody knows
  unconfirmed,  ///< stored by the primary, but not as safely as `durability` asks; repeated in vain
  full,         ///< the queue's bound is reached; nothing was stored (see Error::full)
  buffer_full,  ///< the client's local buffer is full and the policy is `reject`, or the wait ended
  expired,      ///< the job's `expires_after` passed before it could be stored
  shed,         ///< dropped from the local buffer to make room for a newer job
  oversized,    ///< payload, headers or batch above a limit
  denied,       ///< Redis refused the user, the password or a command
  unsupported,  ///< server too old, evicting, without the functions, or TLS asked for
  out_of_memory,  ///< Redis is above its maxmemory
  corrupt,        ///< bytes that cannot be decoded
  stopped,        ///< the client or worker was closed
  internal,       ///< a reply that Ferry does not understand: a bug, or not Ferry's Redis
};

std::string_view to_string(ErrorCode code);

/// How full a queue was when it refused a job.
struct Fullness {
  std::int64_t depth_jobs = 0;
  std::int64_t depth_bytes = 0;
  std::chrono::milliseconds oldest_age{0};
  std::chrono::milliseconds retry_after{0};
};

/// The only exception Ferry throws: a code to branch on, a message that says what to do next.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Error(const std::string& message, Fullness fullness)
      : std::runtime_error(message), code_(ErrorCode::full), fullness_(fullness) {}

  ErrorCode code() const noexcept { return code_; }

  /// Meaningful for `ErrorCode::full` only.
  const Fullness& fullness() const noexcept { return fullness_; }

 private:
  ErrorCode code_;
  Fullness fullness_;
};

}  // namespace ferry
