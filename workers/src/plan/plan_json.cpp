#include "plan/plan_json.hpp"

#include <nlohmann/json.hpp>

namespace ferry::plan {
namespace {

using nlohmann::json;

json json_of(const PerJob& cost) {
  return {{"per_batch", cost.per_batch}, {"per_job", cost.per_job}};
}

json json_of(const JobCost& cost) {
  return {{"per_batch", cost.per_batch}, {"per_job", cost.per_job}, {"waking", cost.waking}};
}

json json_of(const Bill& bill, double per_second) {
  json lines = json::object();
  for (const Line& line : bill.lines) {
    lines[std::string(to_string(line.kind))] = {{"used", line.used}, {"per_month", line.per_month}};
  }
  return {{"lines", std::move(lines)},
          {"largest", to_string(bill.largest().kind)},
          {"per_month", bill.per_month()},
          {"per_million_jobs", per_million(bill.per_month(), per_second)}};
}

json json_of(const FleetAnswer& fleet) {
  return {{"jobs", fleet.jobs},
          {"simulated_seconds", fleet.simulated_seconds},
          {"mean_ms", fleet.mean},
          {"p99_ms", fleet.p99},
          {"mean_batch", fleet.mean_batch},
          {"handlers_busy", fleet.handlers_busy},
          {"busiest_redis", fleet.busiest_server},
          {"mean_wait_for_redis_ms", fleet.mean_redis_wait},
          {"mean_wait_for_handler_ms", fleet.mean_handler_wait},
          {"done_per_second", fleet.done_per_second}};
}

json json_of(const Sizing& sizing) {
  return {{"jobs_per_second", sizing.per_second},
          {"workers", sizing.workers},
          {"handlers_per_worker", sizing.fleet_settings.handlers},
          {"mean_ms", sizing.worker.mean},
          {"p99_ms", sizing.worker.p99},
          {"keeps_budget", sizing.keeps_budget},
          {"mean_batch", sizing.worker.mean_batch},
          {"handlers_busy", sizing.worker.utilisation},
          {"redis_servers", sizing.servers},
          {"redis_servers_wanted", sizing.servers_wanted},
          {"redis_cores_used", sizing.redis_cores},
          {"outage_bytes", sizing.bill.used(LineKind::redis_memory)},
          {"drain_seconds", sizing.drain_seconds},
          {"bill", json_of(sizing.bill, sizing.per_second)},
          {"fleet", json_of(sizing.fleet)},
          {"limits",
           {{"handlers_jobs_per_second", sizing.limits.handlers},
            {"redis_jobs_per_second", sizing.limits.servers},
            {"first", sizing.limits.first.what},
            {"first_jobs_per_second", sizing.limits.first.per_second}}}};
}

json handler_json(const Measured& measured, const WorkerModel& model) {
  return {{"name", measured.name},
          {"machine", measured.machine},
          {"concurrency", measured.concurrency},
          {"run_time_us", json_of(measured.run_time)},
          {"noise_sigma", measured.noise},
          {"noise_assumed", measured.noise_assumed},
          {"worker_cpu_us", json_of(measured.worker_cpu)},
          {"redis_cpu_us", json_of(measured.redis_cpu)},
          {"producer_cpu_us", json_of(measured.producer_cpu)},
          {"redis_commands", json_of(measured.redis_commands)},
          {"us_per_redis_command", measured.us_per_redis_command()},
          {"bytes_moved", json_of(measured.bytes)},
          {"redis_bytes_per_job", measured.redis_bytes},
          {"redis_bytes_estimated", measured.redis_bytes_estimated},
          {"latency_outside_ms", model.outside_ms},
          {"latency_tail_ms", model.tail_ms}};
}

json question_json(const Question& question) {
  return {{"jobs_per_second", question.per_second},
          {"budget_ms", question.budget_ms},
          {"growth_per_year", question.growth_per_year},
          {"years", question.years},
          {"outage_seconds", question.outage_seconds},
          {"partitions", question.partitions},
          {"workers_given", question.workers},
          {"redis_servers_given", question.servers},
          {"seed", question.seed}};
}

json rates_json(const Rates& rates) {
  return {{"date", rates.date},
          {"currency", rates.currency},
          {"source", rates.source},
          {"core_hour", rates.core_hour},
          {"gigabyte_hour", rates.gigabyte_hour},
          {"gigabyte_moved", rates.gigabyte_moved},
          {"used_of_rented", used_of_rented},
          {"hours_in_month", hours_in_month}};
}

}  // namespace

json json_of(const Plan& plan, const Measured& measured, const Rates& rates) {
  json options = json::array();
  for (const Option& option : plan.options) {
    options.push_back({{"policy", option.policy.to_string()},
                       {"keeps_budget", option.most_per_second > 0},
                       {"jobs_per_second_and_worker", option.most_per_second},
                       {"per_month", option.per_month}});
  }
  json levers = json::array();
  for (const Lever& lever : plan.levers) {
    levers.push_back(
        {{"what", lever.what}, {"part_of_line", lever.part}, {"per_month", lever.per_month}});
  }
  json checks = json::array();
  for (const Check& check : plan.checks) {
    checks.push_back({{"model", check.model},
                      {"formula_mean_ms", check.formula_ms},
                      {"simulated_mean_ms", check.simulated_ms}});
  }
  return {{"question", question_json(plan.question)},
          {"handler", handler_json(measured, plan.model)},
          {"prices", rates_json(rates)},
          {"policy", plan.policy.to_string()},
          {"options", std::move(options)},
          {"now", json_of(plan.now)},
          {"later", plan.later ? json_of(*plan.later) : json()},
          {"levers", std::move(levers)},
          {"checks", std::move(checks)},
          {"notes", plan.notes}};
}

}  // namespace ferry::plan
