#include "schedule.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace ferry::bench {
namespace {

using Seconds = std::chrono::duration<double>;

std::chrono::nanoseconds to_nanoseconds(double seconds) {
  return std::chrono::round<std::chrono::nanoseconds>(Seconds(seconds));
}

}  // namespace

Schedule even_schedule(double per_second, std::chrono::nanoseconds duration) {
  const auto count = static_cast<std::size_t>(std::lround(per_second * Seconds(duration).count()));
  Schedule schedule;
  for (std::size_t i = 0; i < count; ++i) {
    schedule.push_back(to_nanoseconds(static_cast<double>(i) / per_second));
  }
  return schedule;
}

Schedule random_schedule(double per_second, std::chrono::nanoseconds duration, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::exponential_distribution<double> gap(per_second);
  Schedule schedule;
  const double end = Seconds(duration).count();
  for (double at = gap(random); at < end; at += gap(random)) schedule.push_back(to_nanoseconds(at));
  return schedule;
}

double quantile(std::span<const double> values, double part) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double rank = std::ceil(part * static_cast<double>(sorted.size()));
  const auto place = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(place, sorted.size() - 1)];
}

void Lag::record(std::chrono::nanoseconds lag) {
  ++sent;
  if (lag > tolerated_lag) ++late;
  worst = std::max(worst, lag);
}

bool Lag::too_much() const {
  return static_cast<double>(late) > tolerated_late * static_cast<double>(sent);
}

}  // namespace ferry::bench
