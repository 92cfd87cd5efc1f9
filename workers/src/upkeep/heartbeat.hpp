#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "leases.hpp"
#include "log/log.hpp"
#include "redis/connection.hpp"

namespace ferry::detail {

/// Renews the leases, on a thread and a connection of its own: a busy handler or a slow settle
/// never costs a lease.
///
/// Threads: `stop` from any thread.
class Heartbeat {
 public:
  /// `paused` is called after each renewal, with one flag for each queue.
  Heartbeat(const RedisOptions& redis, std::chrono::milliseconds lease, Leases& leases,
            const Log& log, std::function<void(const std::vector<bool>&)> paused);
  ~Heartbeat();

  void start();
  void stop();

 private:
  void loop();
  void tell_of_lost_lease(std::chrono::steady_clock::duration silent) const;

  redis::Connection connection_;
  std::chrono::milliseconds lease_;
  std::chrono::milliseconds period_;
  Leases& leases_;
  const Log& log_;
  std::function<void(const std::vector<bool>&)> paused_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ferry::detail
