#include "batching/budget_rule.hpp"

#include <algorithm>

namespace ferry::detail {
namespace {

/// Jobs looked at for the earliest time to be done by; the order is that of the deadlines, which
/// differs only where budgets do.
constexpr std::size_t looked_at = 64;

/// A batch of so many useful sizes spends 1 / (1 + this) of its time on the fixed part.
constexpr double worthwhile = 8;
constexpr double hardly_better = 16;

/// More reserve for the wait for a runner would not help: it is too much work that makes it long.
constexpr int most_delay_one_in = 2;

std::size_t times(double factor, const RunTimeModel& model, std::size_t most) {
  const auto useful = model.useful_size();
  if (!useful || *useful * factor >= static_cast<double>(most)) return most;
  return static_cast<std::size_t>(*useful * factor);
}

}  // namespace

Time BudgetRule::done_by(const BudgetJob& job) const {
  const double dial = job.own_budget ? own_.value() : usual_.value();
  const auto reserve = (1 - dial) * static_cast<double>(job.budget.count());
  return job.deadline - Duration(static_cast<Duration::rep>(reserve));
}

Time BudgetRule::done_by(const BudgetLane& lane) const {
  Time earliest = Time::max();
  for (std::size_t i = 0; i < std::min(lane.jobs(), looked_at); ++i) {
    earliest = std::min(earliest, done_by(lane[i]));
  }
  return earliest;
}

Time BudgetRule::due(const BudgetLane& lane) const {
  if (waits_for_nothing()) return Time::min();
  const Duration delay = std::min(delay_.usual(), Duration(policy_.budget) / most_delay_one_in);
  return lane.done_by() - model_.predict(lane.peers()) - margin() - delay;
}

bool BudgetRule::is_hopeless(const BudgetLane& lane, Time now) const {
  const BudgetJob& first = lane.first();
  if (!model_.knows()) return first.deadline <= now;
  std::size_t company = std::min(lane.peers(), policy_.max_jobs);
  company = std::min(company, times(worthwhile, model_, policy_.max_jobs));
  // Two thirds of a budget for the run leave one to wait for a runner.
  company = std::min(company, model_.fitting(first.budget * 2 / 3));
  const auto run = model_.predict(std::max<std::size_t>(1, company));
  return now + run + margin() > first.deadline;
}

std::size_t BudgetRule::size(const BudgetLane& lane, Time now) const {
  const Duration left = lane.first().deadline - now - margin();
  const std::size_t before_deadline = model_.fitting(left);
  const std::size_t before_done_by = model_.fitting(lane.done_by() - now - margin());
  const std::size_t with_passengers = std::max(before_done_by, model_.fitting(left / 2));
  const std::size_t room = std::max(std::min(lane.peers(), before_deadline), with_passengers);
  return std::clamp<std::size_t>(room, 1, policy_.max_jobs);
}

std::size_t BudgetRule::late_size(std::size_t jobs) const {
  const std::size_t fitting =
      std::max(model_.fitting(policy_.budget / 2), times(1, model_, policy_.max_jobs));
  return std::clamp<std::size_t>(std::min(fitting, jobs), 1, policy_.max_jobs);
}

BudgetRule::Duration BudgetRule::late_run_time(std::size_t jobs) const {
  return model_.predict(late_size(jobs)) + margin();
}

bool BudgetRule::is_backlog(std::size_t waiting, std::size_t free_runners) const {
  if (!model_.knows()) return false;
  const auto until_done_by = Duration(
      static_cast<Duration::rep>(usual_.value() * static_cast<double>(policy_.budget.count())));
  const std::size_t room = std::min(model_.fitting(until_done_by - margin()),
                                    times(hardly_better, model_, policy_.max_jobs));
  return room > 0 && waiting >= room * free_runners;
}

bool BudgetRule::observe(const BudgetReport& report) {
  model_.observe(report.jobs, report.took);
  runner_time_.observe(report.jobs, report.took, !report.late);
  const double before = usual_.value();
  const double own_before = own_.value();
  // What was late before it left says that there is too much to do, not that it was held too long.
  if (!report.late) {
    usual_.observe(report.usual.jobs, report.usual.over_budget, report.started, report.ended);
    own_.observe(report.own.jobs, report.own.over_budget, report.started, report.ended);
  }
  const Duration one = model_.predict(1);
  const bool moved = one > told_ * 11 / 10 || one < told_ * 9 / 10;
  if (!moved && before == usual_.value() && own_before == own_.value()) return false;
  told_ = one;
  return true;
}

}  // namespace ferry::detail
