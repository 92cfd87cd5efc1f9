#include "upkeep/beat_plan.hpp"

#include <algorithm>

#include "many_queues.hpp"

namespace ferry::detail {
namespace {

using std::chrono::milliseconds;

milliseconds idle_period_of(std::size_t queues, milliseconds lease, milliseconds period) {
  if (!are_many(queues)) return period;
  return std::clamp(lease - 3 * period, period, BeatPlan::longest_idle_period);
}

}  // namespace

BeatPlan::BeatPlan(std::size_t queues, milliseconds lease)
    : period_(std::min(lease / beats_in_a_lease, longest_period)),
      idle_period_(idle_period_of(queues, lease, period_)),
      renewed_(queues, Time::min()) {}

std::vector<bool> BeatPlan::due(const std::vector<bool>& held, Time now) const {
  std::vector<bool> due(renewed_.size());
  for (std::size_t queue = 0; queue < due.size(); ++queue) {
    // The turn that is nearest: turns are never exactly a period apart.
    due[queue] = held[queue] || idle_period_ <= period_ ||
                 now + period_ / 2 >= renewed_[queue] + idle_period_;
  }
  return due;
}

}  // namespace ferry::detail
