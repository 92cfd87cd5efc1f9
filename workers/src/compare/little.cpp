#include "compare/little.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace ferry::compare {
namespace {

constexpr double tolerance = 0.05;
/// Neighbouring samples are much alike, so their spread says little; the means of long blocks are
/// nearly independent.
///
/// Source: Law, "Simulation Modeling and Analysis", 9.5.3, which advises 20 to 30.
constexpr std::size_t blocks = 20;

/// The area under the samples from one index to another, and how long that took.
struct Area {
  double jobs = 0;
  double seconds = 0;
};

Area area_of(std::span<const Sample> samples) {
  Area area;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const double step = samples[i].seconds - samples[i - 1].seconds;
    area.jobs += (samples[i].jobs + samples[i - 1].jobs) / 2 * step;
    area.seconds += step;
  }
  return area;
}

double mean_of(std::span<const Sample> samples) {
  const Area area = area_of(samples);
  return area.seconds > 0 ? area.jobs / area.seconds : 0;
}

double standard_error(std::span<const Sample> samples) {
  const std::size_t length = samples.size() / blocks;
  std::vector<double> means;
  for (std::size_t i = 0; i < blocks; ++i) {
    means.push_back(mean_of(samples.subspan(i * length, length)));
  }
  double sum = 0;
  for (const double mean : means) sum += mean;
  const double mean = sum / static_cast<double>(blocks);
  double squares = 0;
  for (const double each : means) squares += (each - mean) * (each - mean);
  return std::sqrt(squares / static_cast<double>(blocks * (blocks - 1)));
}

double mean_between(std::span<const Sample> samples, double from, double to) {
  double sum = 0;
  double count = 0;
  for (const Sample& sample : samples) {
    if (sample.seconds < from || sample.seconds >= to) continue;
    sum += sample.jobs;
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace

std::string_view to_string(Little little) {
  constexpr std::array<std::string_view, 3> names = {"holds", "broken", "unknown"};
  return names.at(static_cast<std::size_t>(little));
}

LittleCheck check_little(std::span<const Sample> samples, double arrivals_per_second,
                         double mean_seconds, double unsure_seconds) {
  constexpr double fewest_jobs = 100;
  LittleCheck check;
  check.expected = arrivals_per_second * mean_seconds;
  if (samples.size() < 2 * blocks || check.expected <= 0) return check;
  check.sampled = mean_of(samples);
  check.doubt = standard_error(samples) + arrivals_per_second * unsure_seconds / 3;
  const double seconds = samples.back().seconds - samples.front().seconds;
  if (arrivals_per_second * seconds < fewest_jobs) return check;
  const double difference = std::abs(check.sampled - check.expected);
  if (difference <= tolerance * check.expected) {
    check.result = Little::holds;
  } else if (difference > tolerance * check.expected + 3 * check.doubt) {
    check.result = Little::broken;
  }
  return check;
}

bool grew(std::span<const Sample> samples, double seconds, double offered) {
  constexpr double fewest_jobs = 10;
  constexpr double part_of_all = 1.0 / 33;
  const double before = mean_between(samples, seconds / 4, seconds / 2);
  const double after = mean_between(samples, seconds * 3 / 4, seconds);
  return after - before > std::max({fewest_jobs, part_of_all * offered, 3 * std::sqrt(before)});
}

}  // namespace ferry::compare
