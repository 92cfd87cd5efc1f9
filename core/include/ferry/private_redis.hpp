#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

/// Redis's append-only file: off, flushed each second, flushed before each reply. (What a producer
/// waits for is a `Durability`.)
enum class Fsync : std::uint8_t { none, everysec, always };

std::string_view to_string(Fsync fsync);
/// Returns: nothing unless `text` is one of them.
std::optional<Fsync> parse_fsync(std::string_view text);

struct PrivateRedisOptions {
  Fsync fsync = Fsync::none;
  /// Units: bytes, at most 1 EiB; 0 = no limit.
  std::int64_t maxmemory = 0;
  /// Extra `redis-server` arguments, as in `{"--requirepass", "secret"}`.
  std::vector<std::string> arguments{};
};

/// A Redis of one's own on a unix socket in a new temporary folder, for demos, benchmarks and
/// tests.
///
/// Finds `redis-server` or `valkey-server` on the PATH. The server ends with this object, and also
/// when the thread that made it dies; the folder is removed.
///
/// Errors: `invalid_argument` for options out of range, `unsupported` when no server program is
/// found, `unavailable` when it does not answer.
/// Threads: one thread at a time; make it in a thread that outlives it.
class PrivateRedis {
 public:
  explicit PrivateRedis(PrivateRedisOptions options = {});
  ~PrivateRedis();
  PrivateRedis(PrivateRedis&&) noexcept;
  PrivateRedis& operator=(PrivateRedis&&) noexcept;

  /// Returns: `unix:///…/redis.sock`.
  std::string url() const;
  std::string socket_path() const;
  int pid() const;

  /// SIGKILL, then wait for the end; what was not written is gone.
  void kill();
  /// SIGTERM, then wait for the end.
  void stop();
  /// Starts again in the same folder, with the same options, and waits until it answers.
  void start();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry
