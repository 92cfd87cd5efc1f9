#include "control_board.hpp"

#include <algorithm>
#include <utility>

namespace ferry::detail {
namespace {

std::int64_t steady_ms(Time at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

}  // namespace

ControlBoard::Changes ControlBoard::update(std::vector<Control> controls, Time now) {
  Changes changes;
  const std::lock_guard lock(mutex_);
  for (std::uint32_t queue = 0; queue < controls.size(); ++queue) {
    Control& control = controls[queue];
    if (!control.answered) continue;
    Flags& flags = flags_[queue];
    if (!flags.paused.exchange(control.paused) && control.paused) changes.paused.push_back(queue);
    if (!flags.keeper.exchange(control.keeper) && control.keeper) changes.keeps_more = true;
    flags.alive = control.workers_alive;
    flags.ahead_ms = static_cast<std::int64_t>(control.server_ms) - steady_ms(now);
    claimable_[queue] = std::move(control.claimable);
  }
  return changes;
}

std::uint64_t ControlBoard::server_ms(std::uint32_t queue, Time now) const {
  const std::int64_t ahead = flags_[queue].ahead_ms;
  return ahead == 0 ? 0
                    : static_cast<std::uint64_t>(std::max<std::int64_t>(0, ahead + steady_ms(now)));
}

std::vector<Holder> ControlBoard::claimable(std::uint32_t queue) const {
  const std::lock_guard lock(mutex_);
  return claimable_[queue];
}

void ControlBoard::set_claimable(std::uint32_t queue, std::vector<Holder> holders,
                                 std::size_t workers_alive) {
  flags_[queue].alive = workers_alive;
  const std::lock_guard lock(mutex_);
  claimable_[queue] = std::move(holders);
}

void ControlBoard::forget_claimable(std::uint32_t queue, const Holder& holder) {
  const std::lock_guard lock(mutex_);
  std::erase_if(claimable_[queue], [&](const Holder& other) {
    return other.priority == holder.priority && other.name == holder.name;
  });
}

}  // namespace ferry::detail
