#include "batching/concurrency_limit.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ferry::detail {
namespace {

constexpr std::size_t largest_step = 2;
constexpr std::size_t smallest_step = 8;

/// Looked at after every two periods, so by three.
constexpr double sure = 3;

/// Returns: the median; the upper one of two.
double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

void ConcurrencyLimit::end(std::uint64_t ticket, std::size_t jobs, Duration took) {
  if (ticket != period_ || jobs == 0 || most_ == 1) return;
  ++ended_;
  runs_[in_other_ ? 1 : 0].push_back({jobs, took});
  if (in_trial()) model_.observe(jobs, took);
  if (ended_ < period_runs) return;
  if (!in_other_ && is_alarming()) return halve();
  if (!in_trial()) return end_rest();
  if (in_other_) return begin_period(false);
  const Better better = judge();
  if (better == Better::unknown && runs_[0].size() < most_runs) return begin_period(true);
  end_trial(better == (upwards_ ? Better::more : Better::fewer));
}

bool ConcurrencyLimit::is_alarming() const {
  if (usual_.empty() || !model_.knows()) return false;
  const std::vector<Seen> newest(runs_[0].end() - period_runs, runs_[0].end());
  return middle_of(newest).value > middle_of(usual_).value + std::log(alarm);
}

void ConcurrencyLimit::halve() {
  // With one handler left it is not their number: what is usual has changed.
  if (limit_ == 1) usual_.clear();
  limit_ = std::max<std::size_t>(1, limit_ / 2);
  other_ = limit_;
  rest_ = rest_left_ = 1;
  step_part_ = largest_step;
  upwards_ = true;
  for (auto& runs : runs_) runs.clear();
  begin_period(false);
}

void ConcurrencyLimit::end_rest() {
  if (--rest_left_ == 0) return begin_trial();
  runs_[0].clear();
  begin_period(false);
}

void ConcurrencyLimit::begin_period(bool in_other) {
  ++period_;
  ended_ = 0;
  in_other_ = in_other;
}

void ConcurrencyLimit::begin_trial() {
  if (limit_ == most_) upwards_ = false;
  if (limit_ == 1) upwards_ = true;
  const std::size_t step = std::max<std::size_t>(1, limit_ / step_part_);
  other_ = upwards_ ? std::min(most_, limit_ + step) : limit_ - std::min(limit_ - 1, step);
  for (auto& runs : runs_) runs.clear();
  begin_period(true);
}

void ConcurrencyLimit::end_trial(bool won) {
  usual_.swap(runs_[won ? 1 : 0]);
  for (auto& runs : runs_) runs.clear();
  if (won) {
    limit_ = other_;
    step_part_ = std::max(largest_step, step_part_ / 2);
    rest_ = 1;
  } else {
    step_part_ = std::min(smallest_step, step_part_ * 2);
    rest_ = std::min(rest_ * 2, limit_ == most_ ? longest_rest : longest_rest_limited);
    upwards_ = !upwards_;
  }
  other_ = limit_;
  rest_left_ = rest_;
  if (won) return begin_trial();
  begin_period(false);
}

ConcurrencyLimit::Better ConcurrencyLimit::judge() const {
  if (!model_.knows()) return Better::unknown;
  Middle few = middle_of(runs_[0]);
  Middle many = middle_of(runs_[1]);
  if (!upwards_) std::swap(few, many);
  const auto [fewer, more] = std::minmax(limit_, other_);
  // Run times may grow with the handlers, but for what each of them has to bring.
  const double ratio = static_cast<double>(more) / static_cast<double>(fewer);
  const double excess = many.value - few.value - (1 - worth) * std::log(ratio);
  const double error = sure * std::hypot(few.error, many.error);
  if (excess > error) return Better::fewer;
  return excess < -error ? Better::more : Better::unknown;
}

ConcurrencyLimit::Middle ConcurrencyLimit::middle_of(const std::vector<Seen>& runs) const {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const Seen& run : runs) {
    values.push_back(std::log(static_cast<double>(std::max<Duration::rep>(1, run.took.count())) /
                              static_cast<double>(model_.predict(run.jobs).count())));
  }
  const double middle = median(values);
  for (double& value : values) value = std::abs(value - middle);
  // 1.4826 makes a deviation of the median one of the mean, 1.2533 that of the mean one of the
  // median; both for normal noise.
  return {middle, 1.4826 * 1.2533 * median(values) / std::sqrt(static_cast<double>(runs.size()))};
}

}  // namespace ferry::detail
