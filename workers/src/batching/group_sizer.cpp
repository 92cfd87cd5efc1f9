#include "batching/group_sizer.hpp"

#include <algorithm>

namespace ferry::detail {

void GroupSizer::observe(std::size_t jobs, std::chrono::nanoseconds run_time) {
  if (jobs == 0) return;
  // At least 1 ns, so that a clock that did not move is no division by zero.
  const double sample =
      std::max(1.0, static_cast<double>(run_time.count()) / static_cast<double>(jobs));
  // Slower jobs are believed soon: too long a group delays others, too short a one costs little.
  const double weight = sample > ns_per_job_ ? 0.5 : 0.125;
  ns_per_job_ = ns_per_job_ == 0 ? sample : ns_per_job_ + weight * (sample - ns_per_job_);

  jobs_ = std::min(jobs_within(target), 2 * jobs_);
}

std::size_t GroupSizer::jobs_within(std::chrono::nanoseconds time) const {
  if (ns_per_job_ == 0) return 1;
  const double fitting = static_cast<double>(time.count()) / ns_per_job_;
  return static_cast<std::size_t>(std::clamp(fitting, 1.0, static_cast<double>(max_jobs)));
}

}  // namespace ferry::detail
