#include "plan/per_job.hpp"

#include <algorithm>

namespace ferry::plan {
namespace {

/// Below that, noise would be read as a fixed part.
constexpr double least_ratio = 1.5;

PerJob flat(std::span<const PerJobSample> samples) {
  double jobs = 0;
  double sum = 0;
  for (const PerJobSample& sample : samples) {
    jobs += sample.jobs;
    sum += sample.jobs * sample.value;
  }
  return {0, jobs > 0 ? sum / jobs : 0};
}

/// The line through the origin: no job costs anything by itself.
PerJob steep(std::span<const PerJobSample> samples) {
  double products = 0;
  double squares = 0;
  for (const PerJobSample& sample : samples) {
    products += sample.jobs * sample.value / sample.size;
    squares += sample.jobs / (sample.size * sample.size);
  }
  return {std::max(0.0, products / squares), 0};
}

}  // namespace

bool sizes_differ(std::span<const PerJobSample> samples) {
  if (samples.empty()) return false;
  const auto [least, most] = std::ranges::minmax(samples, {}, &PerJobSample::size);
  return most.size >= least_ratio * least.size;
}

PerJob fit_per_job(std::span<const PerJobSample> samples) {
  if (!sizes_differ(samples)) return flat(samples);
  double jobs = 0;
  double mean_x = 0;
  double mean_y = 0;
  for (const PerJobSample& sample : samples) {
    jobs += sample.jobs;
    mean_x += sample.jobs / sample.size;
    mean_y += sample.jobs * sample.value;
  }
  mean_x /= jobs;
  mean_y /= jobs;
  double products = 0;
  double squares = 0;
  for (const PerJobSample& sample : samples) {
    const double x = 1 / sample.size - mean_x;
    products += sample.jobs * x * (sample.value - mean_y);
    squares += sample.jobs * x * x;
  }
  const double per_batch = products / squares;
  const double per_job = mean_y - per_batch * mean_x;
  if (per_batch < 0) return flat(samples);
  if (per_job < 0) return steep(samples);
  return {per_batch, per_job};
}

}  // namespace ferry::plan
