#include "batching/flight_limit.hpp"

#include <algorithm>
#include <numeric>

namespace ferry::detail {

FlightLimit::FlightLimit(std::size_t concurrency, std::size_t max_batch_jobs, std::size_t max_jobs)
    : least_(std::min(max_jobs, std::max(smallest, 2 * concurrency * max_batch_jobs))),
      most_(max_jobs),
      limit_(least_) {}

void FlightLimit::on_settled(std::size_t jobs, Time now) {
  advance(now);
  settled_[static_cast<std::size_t>(step_) % steps] += jobs;
}

std::size_t FlightLimit::limit(Time now) {
  advance(now);
  const std::size_t wanted = std::clamp(2 * settled_lately(), least_, most_);
  if (wanted <= limit_) {
    limit_ = wanted;
  } else if (step_ > raised_) {
    limit_ = std::min(wanted, 2 * limit_);
    raised_ = step_;
  }
  return limit_;
}

std::size_t FlightLimit::worth_a_fetch(Time now) {
  const std::size_t quarter = limit(now) / 4;
  const std::size_t in_a_ms = settled_lately() / (steps * static_cast<std::size_t>(step.count()));
  return std::max<std::size_t>(1, std::min(in_a_ms, quarter));
}

std::size_t FlightLimit::settled_lately() const {
  return std::accumulate(settled_.begin(), settled_.end(), std::size_t{0});
}

void FlightLimit::advance(Time now) {
  const std::int64_t current = now.time_since_epoch() / step;
  if (current - step_ >= static_cast<std::int64_t>(steps)) {
    settled_.fill(0);
    step_ = current;
  }
  for (; step_ < current; ++step_) settled_[static_cast<std::size_t>(step_ + 1) % steps] = 0;
}

}  // namespace ferry::detail
