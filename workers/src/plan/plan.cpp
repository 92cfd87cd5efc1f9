#include "plan/plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ferry/error.hpp"
#include "plan/levers.hpp"
#include "plan/sizing.hpp"

namespace ferry::plan {
namespace {

/// By price; what cannot keep the budget goes last.
std::vector<Option> options_of(const Sizer& sizer, double per_second) {
  std::vector<Option> options;
  for (const Policy& policy : sizer.candidates())
    options.push_back(sizer.option(policy, per_second));
  std::ranges::stable_sort(options, {}, [](const Option& option) {
    return option.most_per_second > 0 ? option.per_month : std::numeric_limits<double>::infinity();
  });
  return options;
}

/// Where a formula and the simulation both apply, they are asked the same.
std::vector<Check> checks_of(const WorkerModel& model, bool sizes_differ, std::uint64_t seed) {
  constexpr double load = 0.6;
  WorkerModel plain = model;
  plain.outside_ms = 0;
  plain.tail_ms = 0;
  const auto check = [&](std::string name, const QueueAnswer& answer, const Policy& policy,
                         double per_second) {
    return Check{std::move(name), answer.mean_latency,
                 predict(plain, policy, per_second, seed).mean};
  };
  const double one = load / plain.time.mean(1) * 1e3;
  const double all = one * static_cast<double>(plain.handlers);
  std::vector<Check> checks;
  if (plain.handlers > 1) {
    checks.push_back(check("M/G/k: a worker job by job (Erlang C; Lee and Longton 1959)",
                           handlers_side_by_side(all / 1e3, plain.time, plain.handlers), realtime(),
                           all));
  }
  plain.handlers = 1;
  checks.push_back(check("M/G/1: one handler job by job (Pollaczek and Khinchine)",
                         single_handler(one / 1e3, plain.time), realtime(), one));
  if (sizes_differ) {
    constexpr std::size_t most = 100;
    checks.push_back(check("bulk service: one handler takes all who wait (Bailey 1954)",
                           greedy_batches(one / 1e3, plain.time, most), realtime(most), one));
  }
  return checks;
}

std::vector<std::string> notes_of(const Measured& measured, const Plan& plan) {
  std::vector<std::string> notes;
  if (!measured.sizes_differ) {
    notes.emplace_back(
        "only one size of batches was measured, so what a batch saves is not known and only "
        "real-time is planned: measure --policy 'fixed(100, 5ms)' as well");
  }
  if (measured.noise_assumed) {
    notes.emplace_back(
        "the file does not tell how much a call's time varies; taken as lognormal with "
        "sigma 0.2");
  }
  if (measured.redis_bytes_estimated) {
    notes.emplace_back(
        "the file does not tell what a job takes of Redis's memory; taken as half of "
        "the bytes moved for it, see --job-bytes");
  }
  if (plan.now.servers_wanted > plan.question.partitions) {
    notes.push_back("Redis wants " + std::to_string(plan.now.servers_wanted) +
                    " servers, but a partition lives on one: --partitions " +
                    std::to_string(plan.now.servers_wanted) + " or more");
  }
  return notes;
}

void require(bool right, const char* field, double value, const char* expected) {
  if (right) return;
  throw Error(ErrorCode::invalid_argument,
              std::string(field) + " is " + std::to_string(value) + "; expected " + expected);
}

}  // namespace

void validate(const Question& question) {
  require(question.per_second >= 0.01 && question.per_second <= 1e8, "rate", question.per_second,
          "0.01 to 100,000,000 jobs a second");
  require(question.budget_ms >= 1 && question.budget_ms <= 3.6e6, "budget", question.budget_ms,
          "1 ms to 1 h");
  require(question.growth_per_year > -1 && question.growth_per_year <= 100, "growth",
          question.growth_per_year * 100, "more than -100 and at most 10,000 % a year");
  require(question.years >= 0 && question.years <= 20, "years", question.years, "0 to 20");
  require(question.outage_seconds >= 0, "outage", question.outage_seconds, "0 or more");
  const auto count = [](std::size_t value) { return static_cast<double>(value); };
  require(question.partitions >= 1 && question.partitions <= 10'000, "partitions",
          count(question.partitions), "1 to 10,000");
  require(question.workers <= 100'000, "workers", count(question.workers), "at most 100,000");
  require(question.servers <= 10'000, "servers", count(question.servers), "at most 10,000");
}

Plan make_plan(const Measured& measured, const Rates& rates, const Question& question) {
  validate(question);
  Plan plan;
  plan.question = question;
  plan.model = worker_model_of(measured);
  const Sizer sizer(measured, plan.model, rates, question);
  plan.options = options_of(sizer, question.per_second);
  const Option& best = plan.options.front();
  plan.policy = best.policy;
  plan.now = sizer.size(best, question.per_second);
  if (question.years > 0) {
    const double factor = std::pow(1 + question.growth_per_year, question.years);
    // With a number of workers given, that number is asked about, later as well.
    plan.later = sizer.size(best, question.per_second * factor);
  }
  plan.levers = levers_of(sizer, plan.now);
  plan.checks = checks_of(plan.model, measured.sizes_differ, question.seed);
  plan.notes = notes_of(measured, plan);
  return plan;
}

}  // namespace ferry::plan
