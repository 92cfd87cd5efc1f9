#include "client/acknowledged_calls.hpp"

#include <algorithm>

namespace ferry::detail {

void AcknowledgedCalls::add(std::int64_t sequence, std::size_t jobs) {
  const auto jobs_each = static_cast<std::int64_t>(jobs);
  next_sequence_ = sequence + 1;
  if (!runs_.empty() && runs_.back().jobs_each == jobs_each) return;
  runs_.push_back({sequence, jobs_each});
  if (runs_.size() > most_entries) runs_.pop_front();
}

AcknowledgedCalls::Jobs AcknowledgedCalls::jobs_after(std::int64_t sequence) const {
  Jobs jobs;
  std::int64_t end = next_sequence_;
  for (auto run = runs_.rbegin(); run != runs_.rend() && end > sequence + 1; ++run) {
    jobs.count += run->jobs_each * (end - std::max(run->first_sequence, sequence + 1));
    end = run->first_sequence;
  }
  jobs.exact = end <= sequence + 1;
  return jobs;
}

void AcknowledgedCalls::clear() {
  runs_.clear();
  next_sequence_ = 0;
}

}  // namespace ferry::detail
