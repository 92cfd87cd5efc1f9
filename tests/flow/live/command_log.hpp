#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "ferry/client_options.hpp"
#include "support/counting_redis.hpp"

namespace ferry::flow {

/// Collects every command that a server runs, from its slow log with a threshold of nothing; ten
/// times a second, since all in one reply would be too many.
///
/// Threads: one thread at a time; it reads in one of its own.
class CommandLog {
 public:
  explicit CommandLog(const RedisOptions& redis);
  ~CommandLog();
  CommandLog(const CommandLog&) = delete;
  CommandLog& operator=(const CommandLog&) = delete;

  /// Collects what is left, and no more.
  void stop();

  /// Without its own; valid after `stop`.
  const std::vector<test::Traced>& commands() const { return commands_; }

 private:
  void loop();

  RedisOptions redis_;
  std::vector<test::Traced> commands_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace ferry::flow
