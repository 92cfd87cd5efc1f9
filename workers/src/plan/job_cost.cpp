#include "plan/job_cost.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <optional>
#include <vector>

namespace ferry::plan {
namespace {

constexpr std::size_t parts = 3;
using Vector = std::array<double, parts>;
/// Bit `i` stands for part `i`.
using Parts = unsigned;

/// Below that, noise would be read as a part of the cost.
constexpr double least_ratio = 1.5;
/// By as much a part has to make the fit better to be believed in.
constexpr double least_gain = 1e-9;

Vector terms_of(const JobCostSample& sample) {
  return {1, 1 / sample.size, 1 / std::sqrt(sample.per_second)};
}

double squares_of(std::span<const JobCostSample> samples, const Vector& cost) {
  double sum = 0;
  for (const JobCostSample& sample : samples) {
    const Vector terms = terms_of(sample);
    double value = 0;
    for (std::size_t i = 0; i < parts; ++i) value += cost[i] * terms[i];
    const double off = value / sample.value - 1;
    sum += off * off;
  }
  return sum;
}

/// Solves the normal equations of the chosen parts by elimination; the other parts are zero.
///
/// Returns: nothing when the samples cannot tell these parts from each other.
std::optional<Vector> least_squares(std::span<const JobCostSample> samples, Parts chosen) {
  constexpr double singular = 1e-12;
  std::array<std::array<double, parts + 1>, parts> rows{};
  for (std::size_t i = 0; i < parts; ++i) {
    if ((chosen >> i & 1U) == 0) {
      rows[i][i] = 1;
      continue;
    }
    for (const JobCostSample& sample : samples) {
      const Vector terms = terms_of(sample);
      const double weight = 1 / (sample.value * sample.value);
      for (std::size_t j = 0; j < parts; ++j) {
        if ((chosen >> j & 1U) != 0) rows[i][j] += weight * terms[i] * terms[j];
      }
      rows[i][parts] += weight * terms[i] * sample.value;
    }
  }
  // Positive and symmetric, so that the diagonal is a sound pivot.
  for (std::size_t i = 0; i < parts; ++i) {
    const double before = rows[i][i];
    for (std::size_t k = 0; k < i; ++k) {
      const double factor = rows[i][k] / rows[k][k];
      for (std::size_t j = k; j <= parts; ++j) rows[i][j] -= factor * rows[k][j];
    }
    if (rows[i][i] <= singular * before) return {};
  }
  Vector cost{};
  for (std::size_t i = parts; i-- > 0;) {
    cost[i] = rows[i][parts];
    for (std::size_t j = i + 1; j < parts; ++j) cost[i] -= rows[i][j] * cost[j];
    cost[i] /= rows[i][i];
  }
  return cost;
}

bool differ(std::span<const JobCostSample> samples, double JobCostSample::*figure) {
  const auto [least, most] = std::ranges::minmax(samples, {}, figure);
  return most.*figure >= least_ratio * (least.*figure);
}

}  // namespace

JobCost fit_job_cost(std::span<const JobCostSample> all) {
  std::vector<JobCostSample> samples;
  std::ranges::copy_if(all, std::back_inserter(samples),
                       [](const JobCostSample& sample) { return sample.value > 0; });
  if (samples.empty()) return {};
  Parts told = 1;
  if (differ(samples, &JobCostSample::size)) told |= 2;
  if (differ(samples, &JobCostSample::per_second)) told |= 4;
  Vector best{};
  double least = squares_of(samples, best);
  for (const int count : {1, 2, 3}) {
    for (Parts chosen = 1; chosen < 1U << parts; ++chosen) {
      if (std::popcount(chosen) != count || (chosen & ~told) != 0) continue;
      const auto cost = least_squares(samples, chosen);
      if (!cost || std::ranges::min(*cost) < 0) continue;
      const double squares = squares_of(samples, *cost);
      if (squares >= least - least_gain) continue;
      least = squares;
      best = *cost;
    }
  }
  return {.per_batch = best[1], .per_job = best[0], .waking = best[2]};
}

}  // namespace ferry::plan
