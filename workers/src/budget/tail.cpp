#include "budget/tail.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>
#include <span>
#include <utility>

#include "compare/table.hpp"

namespace ferry::budget {
namespace {

/// A tail that takes at most a fifth longer than the median job is none.
constexpr double hardly_longer = 1.2;

double sum(const StageTimes& us) { return std::accumulate(us.begin(), us.end(), 0.0); }

StageTimes mean_of(std::span<const JobTimes> jobs) {
  StageTimes mean{};
  for (const JobTimes& job : jobs) {
    for (std::size_t i = 0; i < stage_count; ++i) mean[i] += job.us[i];
  }
  for (double& us : mean) us /= static_cast<double>(jobs.size());
  return mean;
}

std::string percent(double part) {
  char text[16];
  std::snprintf(text, sizeof text, "%.3g %%", part * 100);
  return text;
}

/// What the slow jobs do in a stage, and what would make it shorter.
struct Advice {
  const char* doing;
  const char* helps;
};

Advice advice_on(Stage stage) {
  switch (stage) {
    case Stage::before:
      return {"wait in Redis until a worker takes them",
              "more workers, or more jobs in flight, would help; another policy would not"};
    case Stage::earlier:
      return {"have failed before and come back",
              "fewer failures or a shorter back-off would help; more workers would not"};
    case Stage::hold:
      return {"wait for company that the policy asks for",
              "a shorter linger would help; more concurrency or a faster handler would not"};
    case Stage::credit:
      return {"wait for a handler",
              "more concurrency, or a handler that takes less time a job, would help; a shorter "
              "linger would not"};
    case Stage::run:
      return {"are in the handler",
              "a faster handler or smaller batches would help; a shorter linger would not"};
    case Stage::settle:
      break;
  }
  return {"wait for Redis's word on their outcome",
          "a nearer or less busy Redis, or a weaker fsync policy, would help; a faster handler "
          "would not"};
}

}  // namespace

double JobTimes::total_us() const { return sum(us); }
double Tail::median_us() const { return sum(median); }
double Tail::slow_us() const { return sum(slow); }

Tail tail_of(std::vector<JobTimes> jobs, double part) {
  Tail tail;
  tail.part = part;
  tail.jobs = jobs.size();
  if (jobs.empty()) return tail;
  std::ranges::sort(jobs, {}, &JobTimes::total_us);
  const auto count = static_cast<double>(jobs.size());
  // A hair less, as 0.01 of 1,000 is not exactly 10.
  tail.slow_jobs =
      std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(count * part - 1e-6)));
  tail.enough = tail.slow_jobs >= least_slow_jobs;
  const std::span all(jobs);
  const auto slow = all.last(tail.slow_jobs);
  const std::size_t around = std::max<std::size_t>(1, jobs.size() / 10);
  tail.slow_from_us = slow.front().total_us();
  tail.slow = mean_of(slow);
  tail.median = mean_of(all.subspan((jobs.size() - around) / 2, around));
  if (!tail.enough || tail.slow_us() <= hardly_longer * tail.median_us()) return tail;
  std::size_t owner = 0;
  for (std::size_t i = 1; i < stage_count; ++i) {
    if (tail.slow[i] - tail.median[i] > tail.slow[owner] - tail.median[owner]) owner = i;
  }
  tail.owner = static_cast<Stage>(owner);
  return tail;
}

std::string in_words(const Tail& tail) {
  using compare::duration_text;
  const std::string slowest = "the slowest " + percent(tail.part);
  if (!tail.enough) {
    const auto needed = static_cast<std::size_t>(
        std::ceil(static_cast<double>(least_slow_jobs) / tail.part - 1e-6));
    std::string text = "No verdict: " + slowest + " of " + std::to_string(tail.jobs) +
                       " jobs are " + std::to_string(tail.jobs == 0 ? 0 : tail.slow_jobs) +
                       "; at least " + std::to_string(least_slow_jobs) + " are needed, that is " +
                       std::to_string(needed) + " jobs";
    if (tail.jobs >= 2 * least_slow_jobs) {
      const double share = static_cast<double>(least_slow_jobs) / static_cast<double>(tail.jobs);
      char wider[16];
      std::snprintf(wider, sizeof wider, "%.2g", std::min(0.5, std::ceil(share * 100) / 100));
      text += ", or --part " + std::string(wider);
    }
    return text + ".";
  }
  if (!tail.owner) {
    return "No stage owns " + slowest + ": they take " + duration_text(tail.slow_us()) +
           ", the median job " + duration_text(tail.median_us()) + ".";
  }
  const auto owner = static_cast<std::size_t>(*tail.owner);
  const Advice advice = advice_on(*tail.owner);
  return "T" + slowest.substr(1) + " " + advice.doing + ": " + duration_text(tail.slow[owner]) +
         " of " + duration_text(tail.slow_us()) + ", against " + duration_text(tail.median[owner]) +
         " of " + duration_text(tail.median_us()) + " in the median job; " + advice.helps + ".";
}

std::vector<Group> groups_of(const std::vector<JobTimes>& jobs, double part) {
  std::map<std::pair<std::string, std::string>, std::vector<JobTimes>> by_name;
  for (const JobTimes& job : jobs) by_name[{job.queue, job.kind}].push_back(job);
  std::vector<Group> groups;
  for (auto& [name, those] : by_name) {
    groups.push_back({name.first, name.second, tail_of(std::move(those), part)});
  }
  std::ranges::stable_sort(groups, std::greater{},
                           [](const Group& group) { return group.tail.slow_us(); });
  return groups;
}

}  // namespace ferry::budget
