#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ferry/durability.hpp"
#include "redis/connection.hpp"

namespace ferry::detail {

/// Asks Redis whether what was sent before on the same connection is as safe as the user wants.
///
/// Threads: one thread at a time.
/// Source: https://redis.io/docs/latest/commands/wait/ and …/waitaof/
class Confirmation {
 public:
  Confirmation(const Durability& durability, std::chrono::milliseconds timeout);

  /// Whether anything is to be asked at all.
  bool needed() const { return durability_.level != Durability::Level::fast; }

  /// Makes sure that this server can be asked; once for each connection.
  ///
  /// Errors: `unsupported` with the server's version when it cannot, `denied`, `unavailable`.
  void check(redis::Connection& connection) const;

  /// Queues the question; the reply takes as long as `timeout`.
  void append(redis::Connection& connection) const;

  struct Answer {
    bool enough = false;
    std::int64_t copies = 0;
  };
  /// Errors: whatever Redis replies instead, with the connection closed: nobody knows then.
  Answer read(redis::Connection& connection) const;

  /// Returns: what to tell a caller that waited in vain.
  std::string shortfall(const Answer& answer, std::chrono::milliseconds waited) const;

 private:
  [[noreturn]] void refuse(redis::Connection& connection, std::string_view reply) const;

  Durability durability_;
  std::string replicas_;
  std::string timeout_ms_;
};

}  // namespace ferry::detail
