#pragma once

// The first stage: one thread that waits for credits, then for Redis.
//
//   credits ─> fetch plan ─> XREADGROUP … BLOCK ─> envelopes ─> graph

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "batching/fetch_plan.hpp"
#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "metrics.hpp"
#include "redis/backoff.hpp"
#include "redis/connection.hpp"
#include "stages/adopt.hpp"

namespace ferry::detail {

/// Takes envelopes from Redis as long as there are credits.
///
/// Threads: `pause`, `quiet` and `stop` from any thread.
class Fetcher {
 public:
  /// How long one XREADGROUP may block: the longest that `quiet` and `stop` take effect after.
  static constexpr std::chrono::milliseconds block{200};

  Fetcher(const RedisOptions& redis, FetchPlan plan, Leases& leases, InFlight& in_flight,
          Adopter& adopter, Metrics& metrics, const Log& log);
  ~Fetcher();

  void start();
  void pause(const std::vector<bool>& paused);
  /// Fetches no more; returns when the last fetch is through.
  void stop();

  redis::Meter meter() const;

 private:
  void loop();
  void fetch_once();
  std::vector<std::string> command(const Fetch& fetch, std::uint64_t epoch) const;
  bool handle_error(std::string_view text);

  redis::Connection connection_;
  Leases& leases_;
  InFlight& in_flight_;
  Adopter& adopter_;
  Metrics& metrics_;
  const Log& log_;
  redis::ReconnectBackoff backoff_;

  mutable std::mutex mutex_;
  FetchPlan plan_;
  redis::Meter meter_;
  std::atomic<bool> stopping_{false};
  double jobs_per_envelope_ = 1;  ///< seen lately, to turn credits into envelopes
  std::optional<ErrorCode> away_;  ///< why we cannot fetch, once that is logged
  std::thread thread_;
};

}  // namespace ferry::detail
