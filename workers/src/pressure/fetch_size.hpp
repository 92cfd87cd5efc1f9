#pragma once

#include <chrono>
#include <cstddef>

namespace ferry::detail {

/// How many envelopes a fetch asks of one stream, so that what comes fits in jobs and in bytes
/// although nobody knows what an envelope holds before it is there.
///
/// Goes by the largest envelopes seen lately, begins with one, and doubles at most from one full
/// answer to the next. What came long ago says little: then a few are asked for.
///
/// Threads: one thread at a time.
class FetchSize {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Envelopes of one answer at most; bytes that one answer should not exceed.
  static constexpr std::size_t most = 1000;
  static constexpr std::size_t most_bytes = 8 * 1024 * 1024;
  /// Asked of a stream of which nothing is known but that it was empty, or nothing new.
  static constexpr std::size_t few = 4;
  static constexpr std::chrono::milliseconds lately{100};

  /// `jobs`, `bytes`: what there is room for.
  ///
  /// Returns: at least 1.
  std::size_t next(std::size_t jobs, std::size_t bytes, Time now) const;

  /// An answer of so many envelopes, to a fetch that asked for `asked`; of the largest envelope in
  /// it the jobs and the bytes.
  void answered(std::size_t asked, std::size_t envelopes, std::size_t most_jobs,
                std::size_t most_bytes_each, Time now);

  /// So many bytes are stored in so many envelopes. Where they are larger on average than those
  /// that came, large ones wait behind small ones.
  void stored(std::size_t bytes, std::size_t envelopes);

 private:
  std::size_t allowed_ = 1;
  double jobs_each_ = 1;
  double bytes_each_ = 4096;
  Time answered_at_ = Time::min();
};

}  // namespace ferry::detail
