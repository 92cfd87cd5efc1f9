#include "pressure/fetch_size.hpp"

#include <algorithm>

namespace ferry::detail {
namespace {

/// Believed at once when larger, slowly when smaller: better one fetch too small than too large.
double seen(double before, std::size_t now) {
  const auto value = static_cast<double>(now);
  return std::max(value, 0.9 * before + 0.1 * value);
}

}  // namespace

std::size_t FetchSize::next(std::size_t jobs, std::size_t bytes, Time now) const {
  const std::size_t allowed = now - lately > answered_at_ ? std::min(allowed_, few) : allowed_;
  const auto by_jobs = static_cast<std::size_t>(static_cast<double>(jobs) / jobs_each_);
  const auto by_bytes =
      static_cast<std::size_t>(static_cast<double>(std::min(bytes, most_bytes)) / bytes_each_);
  return std::clamp<std::size_t>(std::min(by_jobs, by_bytes), 1, allowed);
}

void FetchSize::answered(std::size_t asked, std::size_t envelopes, std::size_t most_jobs,
                         std::size_t most_bytes_each, Time now) {
  if (envelopes == 0) {
    allowed_ = std::max(allowed_, few);
    return;
  }
  answered_at_ = now;
  const bool larger = static_cast<double>(most_bytes_each) > 4 * bytes_each_;
  jobs_each_ = seen(jobs_each_, std::max<std::size_t>(1, most_jobs));
  bytes_each_ = seen(bytes_each_, std::max<std::size_t>(1, most_bytes_each));
  if (envelopes >= asked) allowed_ = std::min(most, 2 * std::max(asked, allowed_ / 2));
  // Larger than anything before it: what comes behind it may be larger still.
  if (larger) allowed_ = std::clamp<std::size_t>(allowed_ / 4, 1, allowed_);
}

void FetchSize::stored(std::size_t bytes, std::size_t envelopes) {
  if (envelopes == 0 || bytes <= most_bytes) return;
  const bool larger = static_cast<double>(bytes) / static_cast<double>(envelopes) > 4 * bytes_each_;
  if (larger) allowed_ = std::min(allowed_, few);
}

}  // namespace ferry::detail
