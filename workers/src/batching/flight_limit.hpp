#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "batching/time.hpp"

namespace ferry::detail {

/// How many jobs a worker should hold: twice what it settled in the last 200 ms, so that a slow
/// handler leaves work for other workers and a fast one never waits for a fetch.
///
/// Threads: one thread at a time.
class FlightLimit {
 public:
  static constexpr std::size_t smallest = 16;
  static constexpr std::chrono::milliseconds step{20};  ///< doubles at most once in a step
  static constexpr std::size_t steps = 10;              ///< remembered: 200 ms

  /// At least `2 · concurrency · max_batch_jobs`, so that every handler finds a full batch waiting
  /// when it comes free, and at least 16; at most `max_jobs`, which wins.
  FlightLimit(std::size_t concurrency, std::size_t max_batch_jobs, std::size_t max_jobs);

  void on_settled(std::size_t jobs, Time now);

  /// Returns: how many jobs may be out now; `now` must not go back.
  std::size_t limit(Time now);

  /// Returns: how many free credits are worth a fetch while others are out: as many as come back in
  /// a millisecond, at most a quarter of the limit; at least 1.
  std::size_t worth_a_fetch(Time now);

 private:
  void advance(Time now);
  std::size_t settled_lately() const;

  std::size_t least_;
  std::size_t most_;
  std::size_t limit_;
  std::array<std::size_t, steps> settled_{};  ///< by step number modulo `steps`
  std::int64_t step_ = 0;                     ///< number of the current one; 0 = no event yet
  std::int64_t raised_ = 0;                   ///< number of the step that raised the limit last
};

}  // namespace ferry::detail
