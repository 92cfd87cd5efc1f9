#include "compare/pareto.hpp"

#include <algorithm>
#include <cmath>

namespace ferry::compare {

std::vector<bool> dominated(std::span<const Tradeoff> settings) {
  std::vector<bool> marks;
  for (const Tradeoff& one : settings) {
    marks.push_back(std::ranges::any_of(settings, [&](const Tradeoff& other) {
      const bool no_worse = other.cost <= one.cost && other.latency <= one.latency;
      return no_worse && (other.cost < one.cost || other.latency < one.latency);
    }));
  }
  return marks;
}

std::optional<std::size_t> knee(std::span<const Tradeoff> settings) {
  const auto marks = dominated(settings);
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    if (!marks[i] && settings[i].cost > 0 && settings[i].latency > 0) front.push_back(i);
  }
  if (front.size() < 3) return std::nullopt;
  std::ranges::sort(front, {}, [&](std::size_t i) { return settings[i].cost; });
  const Tradeoff& cheap = settings[front.front()];
  const Tradeoff& quick = settings[front.back()];
  const double width = std::log(quick.cost / cheap.cost);
  const double height = std::log(cheap.latency / quick.latency);
  if (width <= 0 || height <= 0) return std::nullopt;
  std::optional<std::size_t> best;
  double farthest = 1e-9;
  for (const std::size_t i : front) {
    // From the cheap end at (0, 1) to the quick one at (1, 0): how far below that line?
    const double x = std::log(settings[i].cost / cheap.cost) / width;
    const double y = std::log(settings[i].latency / quick.latency) / height;
    const double below = 1 - x - y;
    if (below > farthest) {
      farthest = below;
      best = i;
    }
  }
  return best;
}

}  // namespace ferry::compare
