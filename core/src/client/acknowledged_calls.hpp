#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace ferry::detail {

/// How many jobs were in each of the calls that Redis has acknowledged, so that a loss can be told
/// in jobs. Bounded: calls of equal size that follow each other cost one entry together.
///
/// Threads: one thread at a time.
class AcknowledgedCalls {
 public:
  static constexpr std::size_t most_entries = 4096;

  struct Jobs {
    std::int64_t count = 0;
    /// False when some of the calls are so old that they are forgotten: then there were more.
    bool exact = true;
  };

  /// Sequences follow each other without a gap.
  void add(std::int64_t sequence, std::size_t jobs);
  /// Returns: the jobs in all calls behind that one.
  Jobs jobs_after(std::int64_t sequence) const;
  void clear();

 private:
  struct Run {
    std::int64_t first_sequence;
    std::int64_t jobs_each;
  };

  std::deque<Run> runs_;
  std::int64_t next_sequence_ = 0;
};

}  // namespace ferry::detail
