#include "load/schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <utility>

namespace ferry::load {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::array<std::string_view, shape_count> names = {"constant", "poisson", "ramp",
                                                             "step",     "spike",   "soak"};

double jobs_in_one(const Stretch& stretch) {
  return (stretch.from + stretch.to) / 2 * stretch.seconds;
}

/// Returns: after how many seconds of the stretch so many of its jobs have come: the root of
/// from·t + (to - from)·t²/(2·seconds) = jobs, in the form that also stands from = 0 and from = to.
double seconds_until(const Stretch& stretch, double jobs) {
  if (jobs <= 0) return 0;
  const double growth = (stretch.to - stretch.from) / stretch.seconds;
  const double under = stretch.from * stretch.from + 2 * jobs * growth;
  return 2 * jobs / (stretch.from + std::sqrt(std::max(under, 0.0)));
}

/// Walks along the stretches, job by job.
class Walk {
 public:
  Walk(std::vector<Stretch> stretches, bool random, std::uint64_t seed)
      : stretches_(std::move(stretches)), random_(random), engine_(seed) {}

  std::optional<std::chrono::nanoseconds> operator()() {
    // A job that comes with the end itself belongs to nobody's rate.
    constexpr double rounding = 1e-9;
    const double place = random_ ? place_ + gap_(engine_) : static_cast<double>(count_);
    while (at_ < stretches_.size() &&
           place >= jobs_before_ + jobs_in_one(stretches_[at_]) - rounding) {
      jobs_before_ += jobs_in_one(stretches_[at_]);
      seconds_before_ += stretches_[at_].seconds;
      ++at_;
    }
    if (at_ == stretches_.size()) return std::nullopt;
    place_ = place;
    ++count_;
    return std::chrono::round<std::chrono::nanoseconds>(
        Seconds(seconds_before_ + seconds_until(stretches_[at_], place - jobs_before_)));
  }

 private:
  std::vector<Stretch> stretches_;
  bool random_;
  std::mt19937_64 engine_;
  std::exponential_distribution<double> gap_{1.0};
  std::size_t at_ = 0;
  double jobs_before_ = 0;
  double seconds_before_ = 0;
  double place_ = 0;  ///< jobs that have come, on the mean
  std::uint64_t count_ = 0;
};

}  // namespace

std::string_view to_string(Shape shape) { return names.at(static_cast<std::size_t>(shape)); }

std::optional<Shape> parse_shape(std::string_view text) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Shape>(i);
  }
  return std::nullopt;
}

std::vector<Stretch> stretches_of(Shape shape, double rate, std::chrono::nanoseconds duration) {
  const double all = Seconds(duration).count();
  switch (shape) {
    case Shape::constant:
    case Shape::poisson:
      break;
    case Shape::ramp:
      return {{all, 0, rate}};
    case Shape::step:
      return {{all / 4, rate / 4, rate / 4},
              {all / 4, rate / 2, rate / 2},
              {all / 4, rate * 3 / 4, rate * 3 / 4},
              {all / 4, rate, rate}};
    case Shape::spike:
      return {{all * 2 / 5, rate / 10, rate / 10},
              {all / 5, rate, rate},
              {all * 2 / 5, rate / 10, rate / 10}};
    case Shape::soak:
      return {{all / 20, 0, rate}, {all * 18 / 20, rate, rate}, {all / 20, rate, 0}};
  }
  return {{all, rate, rate}};
}

Arrivals arrivals_of(std::vector<Stretch> stretches, bool random, std::uint64_t seed) {
  return Walk{std::move(stretches), random, seed};
}

Arrivals arrivals_of(Shape shape, double rate, std::chrono::nanoseconds duration,
                     std::uint64_t seed) {
  return arrivals_of(stretches_of(shape, rate, duration), shape != Shape::constant, seed);
}

double jobs_in(const std::vector<Stretch>& stretches) {
  double jobs = 0;
  for (const Stretch& stretch : stretches) jobs += jobs_in_one(stretch);
  return jobs;
}

Schedule all_of(const Arrivals& arrivals) {
  Schedule schedule;
  while (const auto at = arrivals()) schedule.push_back(*at);
  return schedule;
}

Schedule even_schedule(double per_second, std::chrono::nanoseconds duration) {
  return all_of(arrivals_of(Shape::constant, per_second, duration, 0));
}

Schedule random_schedule(double per_second, std::chrono::nanoseconds duration, std::uint64_t seed) {
  return all_of(arrivals_of(Shape::poisson, per_second, duration, seed));
}

}  // namespace ferry::load
