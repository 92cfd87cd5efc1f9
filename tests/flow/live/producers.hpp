#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "flow/mix/mix.hpp"
#include "flow/mix/schedule.hpp"
#include "flow/moment.hpp"

namespace ferry::flow {

/// What a producer was told of one job.
struct SentJob {
  JobId id;
  Moment handed{-1};  ///< below 0: it was not handed over
  Moment stored{-1};  ///< when the answer came; below 0: it was refused
};

/// The counts of all clients together.
struct SentCounts {
  std::int64_t calls = 0;
  std::int64_t envelopes = 0;
  std::int64_t refused = 0;
  std::int64_t late_ms = 0;  ///< by how much a portion was handed over late at most
  std::string first_error;
};

/// Hands the jobs of a schedule over, each kind with a client and a thread of its own.
///
/// Threads: one thread at a time.
class Producers {
 public:
  Producers(const RedisOptions& redis, const Mix& mix, const std::vector<PlannedJob>& schedule);
  ~Producers();
  Producers(const Producers&) = delete;
  Producers& operator=(const Producers&) = delete;

  /// Begins with the kinds that are to be stored first, or with all others; `began` is the
  /// schedule's zero.
  void start(bool stored_first, std::chrono::steady_clock::time_point began);
  /// Waits until all that was begun is answered.
  void join();
  /// Hands over no more; what is under way is finished.
  void stop() { stopping_ = true; }

  /// In the order of the schedule; valid after `join`.
  const std::vector<SentJob>& sent() const { return sent_; }
  const SentCounts& counts() const { return counts_; }

 private:
  class OneKind;

  RedisOptions redis_;
  const Mix& mix_;
  const std::vector<PlannedJob>& schedule_;
  std::vector<std::vector<std::uint32_t>> by_kind_;
  std::vector<SentJob> sent_;
  SentCounts counts_;
  std::atomic<bool> stopping_{false};
  std::vector<std::unique_ptr<OneKind>> running_;
};

}  // namespace ferry::flow
