#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ferry {

/// A log-linear histogram: values from 0 to 2^63 (larger ones count as that) with a relative error
/// of at most 1/32; merges exactly.
///
/// Threads: one thread at a time.
/// Source: the bucket layout of HdrHistogram (http://hdrhistogram.org), with 32 linear steps per
/// power of two.
class Histogram {
 public:
  void record(std::uint64_t value, std::uint64_t times = 1);
  void merge(const Histogram& other);

  /// Returns: how many values are at most this one, within the relative error.
  std::uint64_t count_up_to(std::uint64_t value) const;

  struct Bucket {
    std::uint64_t value = 0;  ///< the highest in it, at most `max`
    std::uint64_t count = 0;
  };
  /// Returns: the buckets that hold something, in order; recorded again they make the same
  /// histogram, but for its mean.
  std::vector<Bucket> buckets() const;

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double mean() const;

  /// Returns: the highest value of the bucket that holds the quantile, but never more than `max`; 0
  /// when empty. `quantile` in [0, 1]; what lies outside counts as the nearer end.
  std::uint64_t at(double quantile) const;

 private:
  std::vector<std::uint64_t> buckets_;  ///< grown to the highest bucket used
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace ferry
