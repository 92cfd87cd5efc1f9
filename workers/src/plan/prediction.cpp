#include "plan/prediction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "ferry/error.hpp"
#include "plan/simulation.hpp"

namespace ferry::plan {
namespace {

using detail::SimulationResult;
using detail::SimulationSettings;

/// Queues are as long as they usually are after that.
constexpr double warm_up_jobs = 4'000;
/// A dial goes up in ten windows of at least 20 batches, which leave some four times in a budget;
/// those that were under way do not count (see batching/budget_dial.hpp).
constexpr double warm_up_budgets = 12 * 28 / 4.0;
constexpr double most_warm_up_jobs = 200'000;
/// 120 of them are above the 99th percentile.
constexpr double least_counted_jobs = 12'000;
constexpr double most_counted_jobs = 150'000;
/// Neighbours in a queue wait alike, so what counts is how often it forgets: the mean wait is known
/// to a tenth after some 400 times.
constexpr double times_forgotten = 400;
constexpr double ms_in_second = 1e3;
/// As after an outage, which is no short one.
constexpr std::chrono::microseconds least_backlog_age{1'000'000};
/// The middle of one has a hundred large batches, whose ends tell its pace to a tenth only.
constexpr std::uint64_t backlogs = 3;

std::chrono::milliseconds time_for(double jobs, double per_second) {
  return std::chrono::milliseconds(
      static_cast<std::chrono::milliseconds::rep>(std::ceil(jobs / per_second * ms_in_second)));
}

double most_done_per_second(const WorkerModel& model, const Policy& policy) {
  const auto largest = static_cast<double>(policy.max_jobs);
  return static_cast<double>(model.handlers) * ms_in_second * largest / model.time.mean(largest);
}

/// Returns: how many jobs come until a queue has forgotten what it was, with so many of those it
/// can do. Without end for a full one.
///
/// Source: the relaxation time of M/M/1, 1 / (√μ − √λ)² (Cohen, "The Single Server Queue", II.2.1).
double jobs_to_forget(double load) {
  if (load >= 1) return std::numeric_limits<double>::infinity();
  const double left = 1 - std::sqrt(load);
  return load / (left * left);
}

SimulationSettings settings_of(const WorkerModel& model, const Policy& policy, double per_second,
                               std::uint64_t seed) {
  SimulationSettings settings;
  settings.policies = {policy};
  settings.streams = {{per_second}};
  settings.cost = {model.time.fixed, model.time.per_job, model.time.noise};
  settings.runners = model.handlers;
  const double budget_s = std::chrono::duration<double>(policy.budget).count();
  const double to_learn = std::min(warm_up_budgets * budget_s * per_second, most_warm_up_jobs);
  settings.warm_up = time_for(std::max(warm_up_jobs, to_learn), per_second);
  const double load = per_second / most_done_per_second(model, policy);
  const double counted =
      std::clamp(times_forgotten * jobs_to_forget(load), least_counted_jobs, most_counted_jobs);
  settings.duration = time_for(counted, per_second);
  settings.seed = seed;
  return settings;
}

double mean_ms(const SimulationResult& result) {
  double sum = 0;
  std::size_t count = 0;
  for (const detail::SimulatedJob& job : result.jobs) {
    if (job.enqueued < result.counted_from) continue;
    sum += static_cast<double>(job.latency.count()) / 1e6;
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

double seconds_counted(const SimulationResult& result) {
  return std::chrono::duration<double>(result.counted_to - result.counted_from).count();
}

double middle(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Policies that this version does not know are no reason to refuse the file.
std::optional<Policy> policy_of(const std::string& text) {
  try {
    return Policy::parse(text);
  } catch (const Error&) {
    return {};
  }
}

double tail_of(const WorkerModel& model, const Measured& measured) {
  std::vector<double> tails;
  for (const MeasuredRun& run : measured.runs) {
    const double busy =
        run.handler_time / (run.seconds * 1e6 * static_cast<double>(measured.concurrency));
    const auto policy = policy_of(run.policy);
    if (busy > most_utilisation || run.p99 <= 0 || !std::isfinite(run.p99) || !policy) continue;
    // It takes what is left of its budget, whatever else there is: no tail is seen in it.
    if (policy->kind == PolicyKind::latency_budget) continue;
    tails.push_back(run.p99 / 1e3 - predict(model, *policy, run.rate).p99);
  }
  return std::max(0.0, middle(std::move(tails)));
}

/// A budget is kept from what is seen of late jobs, so what the simulation does not have is taken
/// off what it may use.
Policy inside_of(const WorkerModel& model, Policy policy) {
  if (policy.kind != PolicyKind::latency_budget) return policy;
  const double outside_us = (model.outside_ms + model.tail_ms) * 1e3;
  const auto outside = std::chrono::microseconds(std::llround(outside_us));
  policy.budget = std::max(policy.budget - outside, std::chrono::microseconds{1'000});
  return policy;
}

}  // namespace

WorkerModel worker_model_of(const Measured& measured) {
  // What was measured are means, of which the lognormal factor has more than its median of 1.
  const double median_of_mean = std::exp(-measured.noise * measured.noise / 2) / 1e3;
  WorkerModel model;
  model.time = {measured.run_time.per_batch * median_of_mean,
                measured.run_time.per_job * median_of_mean, measured.noise};
  model.handlers = measured.concurrency;
  model.outside_ms = measured.outside_us / 1e3;
  model.tail_ms = tail_of(model, measured);
  return model;
}

Prediction predict(const WorkerModel& model, const Policy& policy, double per_second,
                   std::uint64_t seed) {
  const Policy inside = inside_of(model, policy);
  const SimulationResult result = simulate(settings_of(model, inside, per_second, seed));
  const double seconds = seconds_counted(result);
  Prediction prediction;
  prediction.mean = mean_ms(result) + model.outside_ms;
  prediction.p99 = result.latency_ms(0.99) + model.outside_ms + model.tail_ms;
  prediction.mean_batch = result.batches == 0 ? 1 : result.mean_batch();
  prediction.utilisation =
      result.worker_ms / (seconds * ms_in_second * static_cast<double>(model.handlers));
  prediction.done_per_second = static_cast<double>(result.jobs_in_batches) / seconds;
  return prediction;
}

double drained_per_second(const WorkerModel& model, const Policy& policy, std::size_t backlog,
                          std::uint64_t seed) {
  SimulationSettings settings;
  settings.policies = {policy};
  settings.streams = {
      {.backlog = backlog, .backlog_age = std::max(least_backlog_age, 2 * policy.budget)}};
  settings.cost = {model.time.fixed, model.time.per_job, model.time.noise};
  settings.runners = model.handlers;
  double jobs = 0;
  double seconds = 0;
  for (std::uint64_t i = 0; i < backlogs; ++i) {
    settings.seed = seed + i;
    const SimulationResult result = simulate(settings);
    const auto end_of = [&](std::size_t index) {
      const detail::SimulatedJob& job = result.jobs.at(index);
      return std::chrono::duration<double>(job.enqueued + job.latency).count();
    };
    const std::size_t first = result.jobs.size() / 4;
    const std::size_t last = result.jobs.size() * 3 / 4;
    jobs += static_cast<double>(last - first);
    seconds += end_of(last) - end_of(first);
  }
  return jobs / seconds;
}

double saturation(const WorkerModel& model, const Policy& policy, std::uint64_t seed) {
  const auto largest = static_cast<double>(policy.max_jobs);
  const double most = most_done_per_second(model, policy);
  // Three seconds of work, or ten calls of each handler where these are longer.
  const double calls = 10 * largest * static_cast<double>(model.handlers);
  const double jobs = std::clamp(std::max(3 * most, calls), 2'000.0, 200'000.0);
  return drained_per_second(model, policy, static_cast<std::size_t>(jobs), seed);
}

double most_per_second(const WorkerModel& model, const Policy& policy, double budget_ms,
                       std::uint64_t seed) {
  const auto keeps = [&](double per_second) {
    const Prediction prediction = predict(model, policy, per_second, seed);
    return prediction.p99 <= budget_ms && prediction.utilisation <= most_utilisation;
  };
  double high = most_done_per_second(model, policy) * most_utilisation;
  double low = high / 64;
  if (!keeps(low)) {
    low /= 64;
    if (!keeps(low)) return 0;
  }
  // The rate is wanted to a few parts in a hundred: the measured run is no more exact than that.
  while (high / low > 1.03) {
    const double tried = std::sqrt(low * high);
    (keeps(tried) ? low : high) = tried;
  }
  return low;
}

}  // namespace ferry::plan
