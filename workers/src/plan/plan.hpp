#pragma once

// From a measured run, a rate and a budget to what to run and what it costs.
//
//   Measured ─> worker model ─simulation─> most jobs a second of a worker ─> workers ─> bill
//                                                    └─> fleet: partitions and Redis servers ─>
//                                                    limits

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ferry/policy.hpp"
#include "plan/bill.hpp"
#include "plan/fleet.hpp"
#include "plan/measured.hpp"
#include "plan/prediction.hpp"

namespace ferry::plan {

struct Question {
  double per_second = 0;
  double budget_ms = 50;       ///< of 99 in 100 jobs, from enqueueing to settled; at least 1
  double growth_per_year = 0;  ///< 0.3 = 30 %
  double years = 0;            ///< 0 = now only
  double outage_seconds = 0;   ///< jobs come and nobody works
  std::size_t partitions = 1;
  std::size_t workers = 0;  ///< 0 = as many as it takes
  std::size_t servers = 0;  ///< Redis; 0 = as many as it takes
  std::uint64_t seed = 1;
};

/// A policy that was considered.
struct Option {
  Policy policy{};
  double most_per_second = 0;  ///< of one worker within the budget; 0 = it cannot keep it
  double per_month = 0;
};

/// What one rate takes.
struct Sizing {
  double per_second = 0;
  std::size_t workers = 0;
  Prediction worker{};  ///< of each worker, at its share of the rate
  bool keeps_budget = false;
  std::size_t servers = 0;         ///< Redis
  std::size_t servers_wanted = 0;  ///< more than partitions cannot share the work
  double redis_cores = 0;
  double drain_seconds = 0;  ///< after the outage; infinite when it never ends
  Bill bill{};
  FleetSettings fleet_settings{};
  FleetAnswer fleet{};
  FleetLimits limits{};
};

/// What could be changed, and what that saves of the largest line.
struct Lever {
  std::string what;      ///< as in "a budget of 80 ms instead of 50 ms"
  double part = 0;       ///< of the line
  double per_month = 0;  ///< of the whole price
};

/// The formula and the simulation on the same question.
struct Check {
  std::string model;
  double formula_ms = 0;
  double simulated_ms = 0;
};

struct Plan {
  Question question{};
  WorkerModel model{};
  std::vector<Option> options;  ///< cheapest first; those that cannot keep the budget last
  Policy policy{};
  Sizing now{};
  std::optional<Sizing> later{};
  std::vector<Lever> levers;  ///< settings that save most first, then changes of code
  std::vector<Check> checks;
  std::vector<std::string> notes;

  bool keeps_budget() const { return now.keeps_budget; }
};

/// Errors: `invalid_argument` with the field and the value.
void validate(const Question& question);

/// The same arguments give the same plan.
Plan make_plan(const Measured& measured, const Rates& rates, const Question& question);

}  // namespace ferry::plan
