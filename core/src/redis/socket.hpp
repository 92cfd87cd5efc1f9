#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "redis/url.hpp"

namespace ferry::redis {

using Deadline = std::chrono::steady_clock::time_point;

/// A connected stream socket whose waits end at a deadline or by `interrupt`.
///
/// Errors: `unavailable` with what was tried, errno's text and what to do next; `stopped` when
/// interrupted.
/// Threads: one thread at a time; `interrupt` from any thread.
class Socket {
 public:
  Socket();
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Connects anew and forgets an earlier `interrupt`.
  void connect(const Endpoint& endpoint, std::chrono::milliseconds timeout);
  bool connected() const;
  void close();

  /// At least one piece; none of them empty.
  ///
  /// Returns: bytes taken over; 0 = the other side has closed, and what it said before that can
  /// still be received.
  std::size_t send_some(std::span<iovec> pieces, Deadline deadline);
  /// Returns: bytes received, at least one.
  std::size_t receive_some(char* to, std::size_t room, Deadline deadline);

  /// Makes a wait that is under way, and every later one, fail until the next `connect`.
  void interrupt();
  /// Errors: `stopped` when `interrupt` was called.
  void check_interrupt() const;

 private:
  void wait_for(short events, Deadline deadline);
  [[noreturn]] void fail(const std::string& what, int error_number, std::string_view next_step);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry::redis
