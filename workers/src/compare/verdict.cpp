#include "compare/verdict.hpp"

#include <algorithm>
#include <cstdio>

namespace ferry::compare {
namespace {

bool overlap(const Spread& a, const Spread& b) { return a.low <= b.high && b.low <= a.high; }

/// Two significant digits, but never so few that a factor near 1 looks like none.
std::string times(double factor) {
  char text[32];
  const char* form = factor < 2 ? "%.2f" : factor < 10 ? "%.1f" : "%.0f";
  std::snprintf(text, sizeof text, form, factor);
  return text;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

std::string sentence(const Contest& contest, const std::string& baseline, std::size_t repetitions) {
  return contest.policy + " did " + times(contest.factor.median) + " times the jobs/s of " +
         baseline + " (range " + times(contest.factor.low) + " to " + times(contest.factor.high) +
         " over " + std::to_string(repetitions) + " repetitions).";
}

/// The others whose range of jobs a second meets that of `best`.
std::vector<std::string> level_with(const PolicyRow& best, const std::vector<PolicyRow>& rows) {
  std::vector<std::string> names;
  for (const PolicyRow& row : rows) {
    if (row.policy != best.policy && overlap(row.jobs_per_second, best.jobs_per_second)) {
      names.push_back(row.policy);
    }
  }
  return names;
}

/// Nobody was clearly faster than the first policy.
std::string unbeaten(const std::vector<PolicyRow>& rows, std::size_t repetitions,
                     const std::vector<Contest>& contests) {
  const PolicyRow& baseline = rows.front();
  const auto clear = std::ranges::find_if(contests, &Contest::clear);
  if (clear == contests.end()) {
    return "No clear difference: the ranges of jobs/s of " + joined(level_with(baseline, rows)) +
           " overlap with that of " + baseline.policy + ".";
  }
  const auto slowest = std::ranges::min_element(
      contests, {}, [](const Contest& contest) { return contest.factor.median; });
  return "No policy did clearly more jobs/s than " + baseline.policy + ": " +
         sentence(*slowest, baseline.policy, repetitions);
}

}  // namespace

std::vector<Contest> contests_of(const std::vector<RunReport>& runs,
                                 const std::vector<std::string>& policies) {
  std::vector<Contest> contests;
  if (policies.empty()) return contests;
  const auto rows = rows_of(runs, policies);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    std::vector<double> factors;
    for (const RunReport& run : runs) {
      if (run.policy != policies[i]) continue;
      const auto other = std::ranges::find_if(runs, [&](const RunReport& candidate) {
        return candidate.policy == policies[0] && candidate.repetition == run.repetition;
      });
      if (other != runs.end() && other->jobs_per_second() > 0) {
        factors.push_back(run.jobs_per_second() / other->jobs_per_second());
      }
    }
    contests.push_back({policies[i], spread_of(std::move(factors)),
                        !overlap(rows[i].jobs_per_second, rows[0].jobs_per_second)});
  }
  return contests;
}

std::string verdict_of(const std::vector<RunReport>& runs,
                       const std::vector<std::string>& policies) {
  if (policies.size() < 2) return "No verdict: one policy has nothing to be held against.";
  const auto rows = rows_of(runs, policies);
  const std::size_t repetitions = std::ranges::min(rows, {}, &PolicyRow::repetitions).repetitions;
  if (repetitions < enough_repetitions) {
    return "No verdict: underpowered, " + std::to_string(repetitions) + " of at least " +
           std::to_string(enough_repetitions) + " repetitions.";
  }
  const auto contests = contests_of(runs, policies);
  const auto best = std::ranges::max_element(
      rows, {}, [](const PolicyRow& row) { return row.jobs_per_second.median; });
  const auto place = static_cast<std::size_t>(best - rows.begin());
  if (place == 0 || !contests[place - 1].clear) return unbeaten(rows, repetitions, contests);
  std::string text = sentence(contests[place - 1], rows[0].policy, repetitions);
  const auto level = level_with(*best, rows);
  if (!level.empty()) {
    text += " " + joined(level) + (level.size() == 1 ? " is" : " are") + " not clearly slower.";
  }
  return text;
}

}  // namespace ferry::compare
