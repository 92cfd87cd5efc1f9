#include "batching/budget_lane.hpp"

#include <algorithm>

namespace ferry::detail {
namespace {

bool take_from(std::deque<BudgetJob>& jobs, std::size_t most_jobs, std::size_t most_bytes,
               std::vector<JobRef>& out, std::size_t& bytes) {
  while (!jobs.empty() && out.size() < most_jobs && bytes < most_bytes) {
    const BudgetJob& first = jobs.front();
    if (bytes + first.bytes > most_bytes && !out.empty()) return true;
    bytes += first.bytes;
    out.push_back(first.job);
    jobs.pop_front();
  }
  return bytes >= most_bytes;
}

}  // namespace

void BudgetLane::add(const BudgetJob& job, Time done_by) {
  if (in_time_.empty()) {
    held_since_ = job.at;
    joined_ = false;
    done_by_ = done_by;
  } else {
    joined_ = joined_ || job.at > held_since_;
    done_by_ = std::min(done_by_, done_by);
  }
  bytes_ += job.bytes;
  if (in_time_.empty() || in_time_.back().deadline <= job.deadline) {
    in_time_.push_back(job);
    return;
  }
  const auto behind =
      std::ranges::upper_bound(in_time_, job.deadline, std::less<>{}, &BudgetJob::deadline);
  in_time_.insert(behind, job);
}

std::size_t BudgetLane::peers() const {
  const Time last = first().deadline + first().budget;
  if (in_time_.back().deadline <= last) return in_time_.size();
  const auto behind = std::ranges::upper_bound(in_time_, last, std::less<>{}, &BudgetJob::deadline);
  return static_cast<std::size_t>(behind - in_time_.begin());
}

void BudgetLane::put_aside() {
  bytes_ -= first().bytes;
  flushed -= std::min(flushed, 1U);
  late_.push_back(first());
  in_time_.pop_front();
}

bool BudgetLane::take(std::size_t most_jobs, std::size_t most_bytes, std::vector<JobRef>& out) {
  std::size_t bytes = 0;
  const bool full = take_from(in_time_, most_jobs, most_bytes, out, bytes);
  bytes_ -= bytes;
  flushed -= std::min(flushed, static_cast<std::uint32_t>(out.size()));
  return full;
}

bool BudgetLane::take_late(std::size_t most_jobs, std::size_t most_bytes,
                           std::vector<JobRef>& out) {
  std::size_t bytes = 0;
  return take_from(late_, most_jobs, most_bytes, out, bytes);
}

void BudgetLane::take_expired(Time now, std::size_t most_jobs, std::vector<JobRef>& out) {
  while (!late_.empty() && late_.front().expires <= now && out.size() < most_jobs) {
    out.push_back(late_.front().job);
    late_.pop_front();
  }
}

void BudgetLane::take_last_late(std::size_t most_jobs, Time until, std::vector<JobRef>& out) {
  while (!late_.empty() && late_.back().expires > until && out.size() < most_jobs) {
    out.push_back(late_.back().job);
    late_.pop_back();
  }
}

void BudgetLane::take_if(const std::function<bool(const JobRef&)>& which,
                         std::vector<JobRef>& out) {
  const auto takes = [&](const BudgetJob& job) {
    if (!which(job.job)) return false;
    out.push_back(job.job);
    return true;
  };
  std::erase_if(in_time_, [&](const BudgetJob& job) {
    const bool taken = takes(job);
    if (taken) bytes_ -= job.bytes;
    return taken;
  });
  std::erase_if(late_, takes);
  flushed = std::min(flushed, static_cast<std::uint32_t>(in_time_.size()));
}

void BudgetLane::take_newest(std::size_t jobs, const std::function<bool(const JobRef&)>& which,
                             std::vector<JobRef>& out) {
  std::size_t skip = 0;
  for (const auto* jobs_of : {&in_time_, &late_}) {
    skip += static_cast<std::size_t>(
        std::ranges::count_if(*jobs_of, [&](const BudgetJob& job) { return which(job.job); }));
  }
  skip -= std::min(skip, jobs);
  // In the order of `take_if`: those in time, the earliest deadline first, then the late ones.
  take_if(
      [&](const JobRef& job) {
        if (!which(job)) return false;
        if (skip == 0) return true;
        --skip;
        return false;
      },
      out);
}

void BudgetLane::begin_hold(Time now, Time done_by) {
  held_since_ = now;
  joined_ = false;
  done_by_ = done_by;
}

}  // namespace ferry::detail
