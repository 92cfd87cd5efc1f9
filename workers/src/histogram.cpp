#include "ferry/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ferry {
namespace {

constexpr int step_bits = 5;
constexpr std::uint64_t steps = std::uint64_t{1} << step_bits;  ///< per power of two
constexpr std::uint64_t largest_value = std::uint64_t{1} << 63;

/// Values below 64 have a bucket each; every power of two above has 32 of equal width.
std::size_t bucket_of(std::uint64_t value) {
  if (value < steps) return static_cast<std::size_t>(value);
  const int shift = static_cast<int>(std::bit_width(value)) - 1 - step_bits;
  return static_cast<std::size_t>(static_cast<std::uint64_t>(shift) * steps + (value >> shift));
}

std::uint64_t highest_value_of(std::size_t bucket) {
  if (bucket < 2 * steps) return bucket;
  const auto shift = static_cast<int>(bucket / steps) - 1;
  const std::uint64_t step = bucket % steps + steps;
  return ((step + 1) << shift) - 1;
}

}  // namespace

void Histogram::record(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  value = std::min(value, largest_value);
  const std::size_t bucket = bucket_of(value);
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  buckets_[bucket] += times;
  count_ += times;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value) * static_cast<double>(times);
}

void Histogram::merge(const Histogram& other) {
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

std::uint64_t Histogram::count_up_to(std::uint64_t value) const {
  if (value >= max_) return count_;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets_.size() && highest_value_of(i) <= value; ++i) {
    count += buckets_[i];
  }
  return count;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> filled;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] > 0) filled.push_back({std::min(highest_value_of(i), max_), buckets_[i]});
  }
  return filled;
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

std::uint64_t Histogram::at(double quantile) const {
  if (count_ == 0) return 0;
  // Not a number counts as 0: it is neither above nor below.
  const double part = quantile > 0 ? std::min(quantile, 1.0) : 0.0;
  const double rank = std::ceil(part * static_cast<double>(count_));
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(highest_value_of(i), max_);
  }
  return max_;
}

}  // namespace ferry
