#include "objectives/burn_rate.hpp"

namespace ferry::detail {

void BurnRate::record(Time now, std::uint64_t jobs, std::uint64_t late) {
  const std::int64_t number = number_of(now);
  Slot& slot = slots_[static_cast<std::size_t>(number) % slot_count];
  if (slot.number != number) slot = {number, 0, 0};
  slot.jobs += jobs;
  slot.late += late;
}

BurnRate::Slot BurnRate::sum(std::chrono::seconds window, Time now) const {
  const std::int64_t last = number_of(now);
  const std::int64_t first = last - window / slot_length + 1;
  Slot all;
  for (const Slot& slot : slots_) {
    if (slot.number < first || slot.number > last) continue;
    all.jobs += slot.jobs;
    all.late += slot.late;
  }
  return all;
}

double BurnRate::over(std::chrono::seconds window, Time now) const {
  const Slot all = sum(window, now);
  if (all.jobs == 0) return 0;
  return static_cast<double>(all.late) / static_cast<double>(all.jobs) / allowed_;
}

bool BurnRate::burns(Time now) {
  const bool fast_now = over(short_window, now) >= threshold;
  if (burning_) {
    // The long window remembers for an hour; that it is over is seen in the short one.
    burning_ = fast_now;
  } else {
    burning_ =
        fast_now && over(long_window, now) >= threshold && sum(long_window, now).jobs >= least_jobs;
  }
  return burning_;
}

}  // namespace ferry::detail
