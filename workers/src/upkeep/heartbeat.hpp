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
#include "upkeep/beat_plan.hpp"

namespace ferry::detail {

/// Renews the leases, on a thread and a connection of its own: a busy handler or a slow settle
/// never costs a lease.
///
/// Threads: `stop` from any thread.
class Heartbeat {
 public:
  /// `told` is called after each heartbeat with the answer of each queue that was asked. `keeps`:
  /// whether this worker would look after queues. `held`: of which queues it holds anything.
  Heartbeat(const RedisOptions& redis, std::chrono::milliseconds lease, Leases& leases,
            QueueHealth& health, const Log& log, std::function<bool()> keeps,
            std::function<std::vector<bool>()> held,
            std::function<void(std::vector<Control>)> told);
  ~Heartbeat();

  void start();
  void stop();

 private:
  void loop();
  void beat();
  void warn_if_slow(std::chrono::steady_clock::duration took, bool all);
  void tell_of_lost_lease(std::chrono::steady_clock::duration silent) const;

  redis::Connection connection_;
  std::chrono::milliseconds lease_;
  BeatPlan plan_;
  Leases& leases_;
  QueueHealth& health_;
  const Log& log_;
  std::function<bool()> keeps_;
  std::function<std::vector<bool>()> held_;
  std::function<void(std::vector<Control>)> told_;
  bool slow_ = false;  ///< and that has been logged
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ferry::detail
