#pragma once

// Open-loop load: who sends does not wait for who answers.
//
//   arrivals ─> sleep until ─> send ─> receipts under way (bounded) ─> collector thread ─> figures
//                   │            └─ no room: dropped, counted
//                   └─ late: counted

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "ferry/client.hpp"
#include "ferry/histogram.hpp"
#include "load/lag.hpp"
#include "load/schedule.hpp"

namespace ferry::load {

/// What became of the jobs of a load so far.
struct Figures {
  std::uint64_t offered = 0;  ///< jobs whose time has come
  std::uint64_t stored = 0;
  std::uint64_t dropped = 0;  ///< the client's buffer was full
  std::uint64_t refused = 0;  ///< the queue was full
  std::uint64_t failed = 0;   ///< anything else
  std::string first_failure;
  Lag lag;
  Histogram stored_after_us;  ///< from the intended time to Redis's word
  double seconds = 0;         ///< from the start to the last job's time
  bool stopped = false;       ///< before its end
};

/// Sends jobs at their intended times and notes when Redis had them.
///
/// Threads: `run` in one thread, once; `figures` from any.
class OpenLoop {
 public:
  using Clock = std::chrono::steady_clock;
  /// Hands one job to a client, which must not wait for Redis.
  using Send = std::function<Receipt(std::size_t index)>;
  /// Returns: true at that time, false as soon as the load has to end.
  using WaitUntil = std::function<bool(Clock::time_point)>;

  OpenLoop(std::size_t most_under_way, Send send);

  /// The moment from which the running job's latency counts; for the client's clock.
  ///
  /// Threads: inside `send`.
  std::chrono::system_clock::time_point intended() const { return intended_; }

  void run(const Arrivals& arrivals, const WaitUntil& wait_until);

  Figures figures() const;
  /// Units: seconds on the machine's monotonic clock.
  double began() const;

 private:
  struct UnderWay {
    Receipt receipt;
    Clock::time_point intended;
  };

  void send(std::size_t index, Clock::time_point intended);
  void collect();
  void count_error(const Error& error);

  const std::size_t most_under_way_;
  const Send send_;
  Clock::time_point start_;
  std::chrono::system_clock::time_point wall_start_;
  std::chrono::system_clock::time_point intended_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<UnderWay> under_way_;
  bool all_sent_ = false;
  Figures figures_;
};

}  // namespace ferry::load
