#pragma once

// The first stage: one thread that waits for credits, then for Redis.
//
//   credits ─> fetch plan ─> XREADGROUP … BLOCK ─> envelopes ─> graph
//                  ^                                   │
//                  └── with a backlog, the next one ───┘  before these are decoded

#include <atomic>
#include <chrono>
#include <condition_variable>
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
#include "redis/words.hpp"
#include "stages/adopt.hpp"

namespace ferry::detail {

/// Takes envelopes from Redis as long as there are credits.
///
/// The fetching moves from thread to thread: whoever fetched may run a short handler, and when that
/// takes long, `take_over` starts another one.
///
/// Threads: `pause`, `take_over` and `stop` from any thread.
class Fetcher {
 public:
  /// How long one XREADGROUP may block: the longest that `quiet` and `stop` take effect after.
  static constexpr std::chrono::milliseconds block{200};

  Fetcher(const RedisOptions& redis, FetchPlan plan, Leases& leases, InFlight& in_flight,
          Adopter& adopter, Metrics& metrics, const Log& log);
  ~Fetcher();

  void start();
  /// A new thread fetches from now on; the one that did is in a handler and ends after it.
  ///
  /// Returns: false when the system gives no thread; nothing has changed then.
  bool take_over();
  void pause(const std::vector<bool>& paused);
  /// Fetches no more; returns when the last fetch is through.
  void stop();

  redis::Meter meter() const;

 private:
  void fetch_in_new_thread();
  void loop();
  bool fetch_once();
  void ask(std::size_t room);
  void ask_ahead();
  redis::Words command(const Fetch& fetch, std::uint64_t epoch) const;
  bool handle_error(std::string_view text);
  void alarm_if_emptied(std::string_view text);

  /// A fetch that was sent and is not answered; nothing else may use the connection meanwhile.
  struct Asked {
    Fetch fetch;
    std::uint64_t epoch = 0;
  };

  redis::Connection connection_;
  std::optional<Asked> asked_;
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
  double jobs_per_envelope_ = 1;   ///< seen lately, to turn credits into envelopes
  std::optional<ErrorCode> away_;  ///< why we cannot fetch, once that is logged
  bool emptied_ = false;

  std::mutex threads_mutex_;
  std::condition_variable ended_;
  bool fetching_ = false;              ///< until the last of the threads below has stopped
  std::vector<std::thread> threads_;   ///< the last one fetches, the others are in a handler
  std::vector<std::thread::id> left_;  ///< of the others, those whose handler has ended
};

}  // namespace ferry::detail
