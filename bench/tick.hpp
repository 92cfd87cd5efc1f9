#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <msgpack.hpp>
#include <string_view>
#include <vector>

#include "load.hpp"
#include "stopwatch.hpp"

namespace ferry::bench {

inline std::int64_t nanoseconds_now() {
  return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

/// A job that knows since when its latency counts.
struct Tick {
  static constexpr std::string_view kind = "tick";
  std::int64_t since_ns = 0;  ///< steady clock, which all processes of a machine share
  MSGPACK_DEFINE_MAP(since_ns)
};

/// How long ticks took to reach their handler.
///
/// Threads: `record` and `count` from any thread; `microseconds` once all have been recorded.
class Arrivals {
 public:
  explicit Arrivals(std::size_t ticks) : microseconds_(ticks) {}

  void record(const Tick& tick) {
    const std::size_t place = count_.fetch_add(1);
    if (place >= microseconds_.size()) return;
    microseconds_[place] = static_cast<double>(nanoseconds_now() - tick.since_ns) / 1e3;
  }

  std::size_t count() const { return count_; }

  /// Errors: `Failure` unless each tick came once.
  const std::vector<double>& microseconds() const {
    if (count_ != microseconds_.size()) {
      throw Failure(std::to_string(count_) + " ticks came, not " +
                    std::to_string(microseconds_.size()));
    }
    return microseconds_;
  }

 private:
  std::vector<double> microseconds_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace ferry::bench
