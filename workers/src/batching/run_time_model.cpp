#include "batching/run_time_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ferry::detail {
namespace {

constexpr double longest_ns = 3600e9;

/// The window is fitted anew after so many runs, or at once when one took longer than predicted.
constexpr std::size_t fit_every = 8;

/// One in so many runs may take longer than predicted.
constexpr std::size_t worst_one_in = 50;

/// The line is believed for sizes of which one in so many batches is at least as small, and at
/// least as large: as many would have shown by how much it is wrong there.
constexpr std::size_t believed_one_in = 16;

/// When the median of the newest runs is off the line by this factor, their times have changed. By
/// the binomial distribution, lognormal noise of 30 % looks so once in some 40,000 fits.
constexpr double other_times = 1.5;
constexpr std::size_t newest = 2 * RunTimeModel::least;

/// Sizes closer than this are one size to us: noise would decide the slope.
constexpr double least_spread = 1.25;

/// From here on the slope is known well enough to follow the line down to one job: an error of 4 %
/// in both medians, as noise of 15 % makes, moves it by no more than 6 % there.
constexpr double wide_spread = 2;

/// Returns: the median of `value` over the range; the upper one of two.
template <typename Iterator, typename Value>
double median(Iterator begin, Iterator end, Value value) {
  std::array<double, RunTimeModel::window> values;
  const auto last = std::transform(begin, end, values.begin(), value);
  const auto middle = values.begin() + (last - values.begin()) / 2;
  std::nth_element(values.begin(), middle, last);
  return *middle;
}

}  // namespace

void RunTimeModel::observe(std::size_t jobs, Duration took) {
  if (jobs == 0) return;
  // At least 1 ns, so that a clock that did not move is no division by zero.
  const double ns = std::clamp(static_cast<double>(took.count()), 1.0, longest_ns);
  runs_[place_for_next()] = {static_cast<double>(jobs), ns, ++observed_};
  seen_ = std::min(seen_ + 1, window);
  ++since_fit_;
  if (!knows()) return;
  const bool surprised = ns > typical(static_cast<double>(jobs)) * factor_;
  if (surprised || since_fit_ >= fit_every || seen_ <= 2 * least) fit();
}

std::size_t RunTimeModel::place_for_next() const {
  if (seen_ < window) return seen_;
  const auto size_class = [](const Seen& run) { return std::ilogb(run.jobs); };
  std::array<std::size_t, 64> runs_of_class{};
  for (const Seen& run : runs_) ++runs_of_class[static_cast<std::size_t>(size_class(run))];
  const auto most = std::ranges::max_element(runs_of_class) - runs_of_class.begin();
  std::size_t oldest = 0;
  std::size_t oldest_of_most = window;
  for (std::size_t i = 0; i < window; ++i) {
    if (runs_[i].number < runs_[oldest].number) oldest = i;
    if (size_class(runs_[i]) != most) continue;
    if (oldest_of_most == window || runs_[i].number < runs_[oldest_of_most].number) {
      oldest_of_most = i;
    }
  }
  return observed_ - runs_[oldest].number > forgotten_after ? oldest : oldest_of_most;
}

bool RunTimeModel::forget_old_times() {
  if (seen_ < 2 * newest) return false;
  const auto end = runs_.begin() + static_cast<std::ptrdiff_t>(seen_);
  std::partial_sort(runs_.begin(), runs_.begin() + newest, end,
                    [](const Seen& a, const Seen& b) { return a.number > b.number; });
  const double off = median(runs_.begin(), runs_.begin() + newest,
                            [this](const Seen& run) { return run.ns / typical(run.jobs); });
  if (off < other_times && off > 1 / other_times) return false;
  seen_ = newest / 2;  // half of them may have made the median, and those behind are of before
  return true;
}

void RunTimeModel::fit() {
  since_fit_ = 0;
  fit_window();
  if (forget_old_times()) fit_window();
}

void RunTimeModel::fit_window() {
  std::array<Seen, window> by_size = runs_;
  const auto end = by_size.begin() + static_cast<std::ptrdiff_t>(seen_);
  std::sort(by_size.begin(), end, [](const Seen& a, const Seen& b) { return a.jobs < b.jobs; });
  fit_line(by_size);

  std::array<double, window> ratios;
  const auto last = std::transform(by_size.begin(), end, ratios.begin(),
                                   [this](const Seen& run) { return run.ns / typical(run.jobs); });
  const auto rank = ratios.begin() + static_cast<std::ptrdiff_t>(seen_ / worst_one_in);
  std::nth_element(ratios.begin(), rank, last, std::greater<>());
  factor_ = std::max(1.0, *rank);
}

void RunTimeModel::fit_line(const std::array<Seen, window>& by_size) {
  const auto jobs = [](const Seen& run) { return run.jobs; };
  const auto ns = [](const Seen& run) { return run.ns; };
  const auto begin = by_size.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(seen_);
  const auto third = static_cast<std::ptrdiff_t>(seen_ / 3);
  const double few = median(begin, begin + third, jobs);
  const double many = median(end - third, end, jobs);
  const std::size_t believed_from = seen_ / believed_one_in;
  smallest_ = by_size[believed_from].jobs;
  largest_ = by_size[seen_ - 1 - believed_from].jobs;
  if (many < few * least_spread) {
    largest_ = smallest_ = median(begin, end, jobs);
    fixed_ = median(begin, end, ns);
    per_job_ = 0;
    return;
  }
  const double rise = median(end - third, end, ns) - median(begin, begin + third, ns);
  per_job_ = std::max(0.0, rise / (many - few));
  fixed_ = median(begin, end, [this](const Seen& run) { return run.ns - per_job_ * run.jobs; });
  if (many >= few * wide_spread) smallest_ = 1;
  if (fixed_ >= 0) return;
  fixed_ = 0;
  per_job_ = median(begin, end, [](const Seen& run) { return run.ns / run.jobs; });
}

double RunTimeModel::typical(double jobs) const {
  if (jobs <= smallest_) return line(smallest_);
  if (jobs <= largest_) return line(jobs);
  return line(largest_) * jobs / largest_;
}

RunTimeModel::Duration RunTimeModel::predict(std::size_t jobs) const {
  if (!knows()) return Duration{0};
  const double ns = typical(static_cast<double>(jobs)) * factor_;
  return Duration(static_cast<Duration::rep>(std::min(ns, longest_ns)));
}

std::size_t RunTimeModel::fitting(Duration time) const {
  if (!knows()) return SIZE_MAX;
  const double ns = static_cast<double>(time.count()) / factor_;
  if (ns < line(smallest_)) return 0;
  const double jobs =
      ns < line(largest_) ? (ns - fixed_) / per_job_ : largest_ * (ns / line(largest_));
  return static_cast<std::size_t>(std::min(jobs, 1e12));
}

std::optional<double> RunTimeModel::useful_size() const {
  if (!knows() || per_job_ <= 0) return std::nullopt;
  return std::max(1.0, fixed_ / per_job_);
}

}  // namespace ferry::detail
