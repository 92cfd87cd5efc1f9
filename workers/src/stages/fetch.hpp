#pragma once

// The first stage: one thread that waits for credits, then for Redis.
//
//   credits ─> fetch plan ─> XREADGROUP … BLOCK ─> envelopes ─> graph
//                  ^                                   │
//                  └── with a backlog, the next one ───┘  before these are decoded
//
// An error of one stream fails the whole command and does not say of which. Then the next round
// asks queue by queue, and those that fail are left out for a while.

#include <array>
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
#include "control_board.hpp"
#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "metrics.hpp"
#include "pressure/fetch_size.hpp"
#include "queue_health.hpp"
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
/// Threads: `take_over` and `stop` from any thread.
class Fetcher {
 public:
  /// How long one XREADGROUP may block: the longest that `quiet` and `stop` take effect after.
  static constexpr std::chrono::milliseconds block{200};
  /// With many queues: to begin it costs Redis as much as there are queues.
  static constexpr std::chrono::milliseconds block_with_many{1000};

  using Clock = std::chrono::steady_clock;

  Fetcher(const RedisOptions& redis, FetchPlan plan, Leases& leases, const ControlBoard& board,
          InFlight& in_flight, Adopter& adopter, QueueHealth& health, Metrics& metrics,
          const Log& log);
  ~Fetcher();

  void start();
  /// A new thread fetches from now on; the one that did is in a handler and ends after it.
  ///
  /// Returns: false when the system gives no thread; nothing has changed then.
  bool take_over();
  /// Fetches no more; returns when the last fetch is through.
  void stop();

  redis::Meter meter() const;

 private:
  void fetch_in_new_thread();
  void loop();
  bool fetch_once();
  void ask(std::size_t room);
  void ask_ahead();
  /// What can be asked: not what is paused, not registered or failing.
  void choose_queues(Clock::time_point now);
  std::vector<Fetch> next_fetches(std::size_t room, Clock::time_point now);
  FetchSize& size_of(const StreamAt& at) {
    return sizes_[at.queue][static_cast<std::size_t>(at.priority)];
  }
  std::size_t count_of(const Fetch& fetch, std::size_t jobs, std::size_t bytes,
                       Clock::time_point now);
  /// Asks what is stored where a fetch takes many at once.
  void ask_stored(const Fetch& fetch);
  void read_stored(const Fetch& fetch);
  redis::Words command(const Fetch& fetch, std::uint64_t epoch) const;
  /// Returns: whether the answer can be used.
  bool check(const redis::Reply& reply, const Fetch& fetch);
  void take(const redis::ReplyPtr& reply, const Fetch& fetch, std::uint64_t epoch,
            std::vector<EnvelopePtr>& envelopes);
  void handle_error(std::string_view text, const Fetch& fetch);
  void alarm_if_emptied(std::string_view text);

  /// Fetches that were sent and are not answered; nothing else may use the connection meanwhile.
  struct Asked {
    std::vector<Fetch> fetches;
    std::uint64_t epoch = 0;
  };

  const std::chrono::milliseconds block_;
  redis::Connection connection_;
  std::optional<Asked> asked_;
  Leases& leases_;
  const ControlBoard& board_;
  InFlight& in_flight_;
  Adopter& adopter_;
  QueueHealth& health_;
  Metrics& metrics_;
  const Log& log_;
  redis::ReconnectBackoff backoff_;

  FetchPlan plan_;
  std::vector<std::array<FetchSize, priority_count>> sizes_;  ///< for each queue
  std::vector<Clock::time_point> rests_until_;                ///< for each queue: it failed
  bool apart_ = false;  ///< the next round asks queue by queue
  mutable std::mutex mutex_;
  redis::Meter meter_;
  std::atomic<bool> stopping_{false};
  std::optional<ErrorCode> away_;  ///< why we cannot fetch, once that is logged
  bool emptied_ = false;

  std::mutex threads_mutex_;
  std::condition_variable ended_;
  bool fetching_ = false;              ///< until the last of the threads below has stopped
  std::vector<std::thread> threads_;   ///< the last one fetches, the others are in a handler
  std::vector<std::thread::id> left_;  ///< of the others, those whose handler has ended
};

}  // namespace ferry::detail
