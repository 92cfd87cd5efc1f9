#include "plan/sizing.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace ferry::plan {
namespace {

constexpr std::size_t most_jobs_in_batch = 1000;

Policy budget_policy(double budget_ms) {
  return latency_budget(
      std::chrono::microseconds(static_cast<std::chrono::microseconds::rep>(budget_ms * 1e3)),
      most_jobs_in_batch);
}

}  // namespace

std::size_t workers_needed(double per_second, double most_per_second) {
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(std::ceil(per_second / most_per_second - 1e-9)));
}

std::size_t servers_needed(double used_cores) {
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(std::ceil(used_cores / used_of_rented - 1e-9)));
}

double drain_seconds(double per_second, double outage_seconds, double most_done_per_second) {
  if (outage_seconds <= 0) return 0;
  if (most_done_per_second <= per_second) return std::numeric_limits<double>::infinity();
  return per_second * outage_seconds / (most_done_per_second - per_second);
}

std::vector<Policy> Sizer::candidates() const {
  if (!measured_.sizes_differ) return {realtime()};
  return {realtime(), realtime(most_jobs_in_batch), budget_policy(question_.budget_ms)};
}

Option Sizer::option(const Policy& policy, double per_second, double budget_ms) const {
  Option option;
  option.policy = policy;
  option.most_per_second = plan::most_per_second(
      model_, policy, budget_ms > 0 ? budget_ms : question_.budget_ms, question_.seed);
  if (option.most_per_second > 0)
    option.per_month = workers_for(option, per_second).bill.per_month();
  return option;
}

Sizing Sizer::workers_for(const Option& option, double per_second) const {
  Sizing sizing;
  sizing.per_second = per_second;
  // A budget that cannot be kept is planned for as if it did not matter.
  const double most = option.most_per_second > 0
                          ? option.most_per_second
                          : most_utilisation * saturation(model_, option.policy, question_.seed);
  sizing.workers = question_.workers > 0 ? question_.workers : workers_needed(per_second, most);
  sizing.worker = predict(model_, option.policy, per_second / static_cast<double>(sizing.workers),
                          question_.seed);
  sizing.keeps_budget = sizing.worker.p99 <= question_.budget_ms;
  sizing.bill = bill(sizing, question_.outage_seconds);
  return sizing;
}

Sizing Sizer::size(const Option& option, double per_second) const {
  Sizing sizing = workers_for(option, per_second);
  take_fleet(sizing, option.policy);
  return sizing;
}

void Sizer::take_fleet(Sizing& sizing, const Policy& policy) const {
  sizing.redis_cores = sizing.bill.used(LineKind::redis_cpu);
  sizing.servers_wanted =
      question_.servers > 0 ? question_.servers : servers_needed(sizing.redis_cores);
  sizing.servers = std::min(sizing.servers_wanted, question_.partitions);
  const double worker_rate = sizing.per_second / static_cast<double>(sizing.workers);
  FleetSettings& fleet = sizing.fleet_settings;
  fleet.per_second = sizing.per_second;
  fleet.workers = sizing.workers;
  fleet.handlers = model_.handlers;
  fleet.partitions = question_.partitions;
  fleet.servers = sizing.servers;
  fleet.time = model_.time;
  fleet.redis_per_job = measured_.redis_cpu.at(sizing.worker.mean_batch, worker_rate) / 1e3;
  fleet.most_jobs = policy.max_jobs;
  // As long as it takes for as many to come as the policy's batches have.
  fleet.hold =
      policy.kind == PolicyKind::realtime ? 0 : (sizing.worker.mean_batch - 1) / worker_rate * 1e3;
  fleet.seed = question_.seed;
  const double worker_most = saturation(model_, policy, question_.seed);
  sizing.limits = limits_of(fleet, worker_most);
  sizing.fleet = simulate_fleet(fleet);
  sizing.drain_seconds =
      drain_seconds(sizing.per_second, question_.outage_seconds, sizing.limits.first.per_second);
}

Bill Sizer::bill(const Sizing& sizing, double outage_seconds) const {
  return bill_of(measured_, rates_,
                 {.per_second = sizing.per_second,
                  .worker_per_second = sizing.per_second / static_cast<double>(sizing.workers),
                  .mean_batch = sizing.worker.mean_batch,
                  .outage_seconds = outage_seconds});
}

}  // namespace ferry::plan
