#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ferry/client_options.hpp"
#include "ferry/error.hpp"
#include "redis/reply.hpp"
#include "redis/url.hpp"

namespace ferry::redis {

/// What went over one connection's wire, reconnects included.
struct Meter {
  std::uint64_t commands = 0;
  std::uint64_t round_trips = 0;  ///< times we waited for Redis: sent something, then read
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t connects = 0;
};

/// All words but the last of a command that is sent again and again, in Redis's protocol.
class CommandHead {
 public:
  CommandHead(std::initializer_list<std::string_view> arguments);
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// One connection to Redis, blocking, with time-outs and keep-alive.
///
/// After any I/O error it is closed and everything appended but unanswered is forgotten; `connect`
/// makes it new.
///
/// Errors: `unavailable` when Redis is away or slow or the connection is closed, `denied` when it
/// refuses the user, `stopped` after `interrupt`. Errors that Redis replies are values
/// (`Reply::is_error`), except in `call`.
/// Threads: one thread at a time; `interrupt` from any thread.
class Connection {
 public:
  /// `extra_wait` is added to the command time-out: for commands that block on purpose.
  explicit Connection(const RedisOptions& options,
                      std::chrono::milliseconds extra_wait = std::chrono::milliseconds{0});
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  /// Connects, authenticates and selects the database; does nothing when connected. With sentinels
  /// in the URL it asks them first, each time, and makes sure that the server is a master.
  void connect();
  bool connected() const;
  void close();

  /// Queues a command; nothing is sent before `flush` or `read`. Connect first.
  void append(std::span<const std::string_view> arguments);
  void append(std::initializer_list<std::string_view> arguments);
  /// `last` must live until it is flushed.
  void append(const CommandHead& head, std::string_view last);
  /// Sends everything queued.
  void flush();
  /// Waits for the next reply; flushes first.
  ReplyPtr read();
  /// The same for a reply of few bytes that is forgotten with the next `read` or `read_brief`.
  const Reply& read_brief();

  /// connect, append, read: one command, one reply, error replies included.
  ReplyPtr command(std::span<const std::string_view> arguments);
  ReplyPtr command(std::initializer_list<std::string_view> arguments);

  /// Like `command`, but throws `error_of(reply)` for an error reply.
  ReplyPtr call(std::initializer_list<std::string_view> arguments);
  ReplyPtr call(std::span<const std::string_view> arguments);

  /// Makes a read that is under way, and every later one, fail until the next `connect`.
  void interrupt();

  /// The server itself; with sentinels, the one they named last.
  const Endpoint& endpoint() const;
  Meter meter() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry::redis
