#include "batching/budget_dial.hpp"

#include <algorithm>
#include <cmath>

namespace ferry::detail {

void BudgetDial::observe(std::size_t jobs, std::size_t late, Time started, Time now) {
  if (jobs == 0 || started < since_) return;
  jobs_ += jobs;
  late_ += late;
  ++batches_;
  if (late > 0) ++late_batches_;

  const double expected = late_share * static_cast<double>(jobs_);
  const double deviation = std::sqrt(expected * (1 - late_share));
  const auto more_than_chance = [&](double deviations) {
    return late_batches_ >= least_late_batches &&
           static_cast<double>(late_) > expected + deviations * deviation + 1;
  };
  // Looked at after each batch, so by three; the end of a window is looked at once.
  if (more_than_chance(3)) return turn_down(now);
  if (jobs_ < window_jobs || batches_ < window_batches) return;
  if (more_than_chance(1.645)) return turn_down(now);
  if (static_cast<double>(late_) <= expected / 2) return turn_up(now);
  if (static_cast<double>(late_) > expected) return set(value_ - fine_step, now);
  open_window();
}

void BudgetDial::turn_down(Time now) {
  cut_at_ = value_;
  set(value_ * cut, now);
}

void BudgetDial::turn_up(Time now) {
  const bool near = value_ + step > 0.9 * cut_at_;
  set(value_ + (near ? fine_step : step), now);
  if (value_ > cut_at_) cut_at_ = 2;
}

void BudgetDial::set(double value, Time now) {
  value = std::clamp(value, 0.0, highest);
  if (value != value_) since_ = now;
  value_ = value;
  open_window();
}

void BudgetDial::open_window() { jobs_ = late_ = batches_ = late_batches_ = 0; }

}  // namespace ferry::detail
