#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>

#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "metrics.hpp"
#include "redis/connection.hpp"
#include "stages/adopt.hpp"

namespace ferry::detail {

/// The thread that does the roles in their turn: promote when something is due, reclaim twice a
/// second, forget old producers every ten minutes.
///
/// Threads: `stop` from any thread.
class Upkeep {
 public:
  Upkeep(const RedisOptions& redis, std::chrono::milliseconds lease, Leases& leases,
         InFlight& in_flight, Adopter& adopter, Metrics& metrics, const Log& log);
  ~Upkeep();

  void start();
  void stop();

 private:
  using Time = std::chrono::steady_clock::time_point;

  void loop();
  Time turn();

  redis::Connection connection_;
  std::chrono::milliseconds lease_;
  Leases& leases_;
  InFlight& in_flight_;
  Adopter& adopter_;
  Metrics& metrics_;
  const Log& log_;
  Time next_promote_{};
  Time next_reclaim_{};
  Time next_expire_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ferry::detail
