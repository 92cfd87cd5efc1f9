#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace ferry::load {

/// When jobs are to be sent, counted from the start of a run, in order. What comes next depends on
/// the shape and the seed alone, so that a slow reply cannot put off the next job and hide its own
/// price. Made one after the other, so that a long run takes no more memory than a short one.
///
/// Returns: nothing at the end, and from then on.
using Arrivals = std::function<std::optional<std::chrono::nanoseconds>()>;

/// All of it at once, for runs that are short.
using Schedule = std::vector<std::chrono::nanoseconds>;

/// How the rate moves. `rate` is always the highest one.
enum class Shape : std::uint8_t {
  constant,  ///< equal gaps
  poisson,   ///< jobs that come independently of each other, as from many users; so all that follow
  ramp,      ///< from nothing to the rate
  step,      ///< a quarter, a half, three quarters, all of the rate
  spike,     ///< a tenth of the rate, in the middle fifth all of it
  soak,      ///< up within the first twentieth, the rate, down within the last twentieth
};
inline constexpr std::size_t shape_count = 6;

std::string_view to_string(Shape shape);
std::optional<Shape> parse_shape(std::string_view text);

/// A stretch of time in which the rate moves evenly.
struct Stretch {
  double seconds = 0;
  double from = 0;  ///< jobs a second
  double to = 0;
};

/// Returns: the stretches of a shape, one behind the other.
std::vector<Stretch> stretches_of(Shape shape, double rate, std::chrono::nanoseconds duration);

/// Returns: jobs with the gaps that the rate asks for, or random ones around them.
///
/// Source: Çinlar, "Introduction to Stochastic Processes", 1975, 4.7: a process with a rate that
/// moves is one of rate 1 on a stretched clock.
Arrivals arrivals_of(std::vector<Stretch> stretches, bool random, std::uint64_t seed);
Arrivals arrivals_of(Shape shape, double rate, std::chrono::nanoseconds duration,
                     std::uint64_t seed);

/// Returns: how many jobs the stretches hold, on the mean.
double jobs_in(const std::vector<Stretch>& stretches);

Schedule all_of(const Arrivals& arrivals);

/// Returns: one job each 1/`per_second`.
Schedule even_schedule(double per_second, std::chrono::nanoseconds duration);

/// Returns: a Poisson process.
Schedule random_schedule(double per_second, std::chrono::nanoseconds duration, std::uint64_t seed);

}  // namespace ferry::load
