#include "plan/plan.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "ferry/error.hpp"
#include "plan/plan_json.hpp"
#include "plan/sizing.hpp"
#include "unit/plan/measured_run.hpp"

namespace ferry::plan {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Measured measured() { return read_measured(measured_file().dump(), "run.json"); }

/// Asked once, looked at by several tests.
const Plan& usual_plan() {
  static const Plan plan = [] {
    Rates rates = default_rates();
    rates.gigabyte_moved = 0;
    return make_plan(measured(), rates,
                     {.per_second = 5000, .budget_ms = 50, .growth_per_year = 0.3, .years = 2});
  }();
  return plan;
}

Plan plan_for(Question question) { return make_plan(measured(), default_rates(), question); }

TEST(WorkersNeededTest, RoundsUpAndNeverToNone) {
  EXPECT_EQ(workers_needed(100, 60), 2U);
  EXPECT_EQ(workers_needed(120, 60), 2U);
  EXPECT_EQ(workers_needed(1, 60), 1U);
}

TEST(ServersNeededTest, LeavesEachServerAPartOfItsCore) {
  EXPECT_EQ(servers_needed(0.1), 1U);
  EXPECT_EQ(servers_needed(0.7), 1U);
  EXPECT_EQ(servers_needed(0.71), 2U);
  EXPECT_EQ(servers_needed(7), 10U);
}

TEST(DrainTest, TakesWhatIsLeftBesideTheNewJobs) {
  EXPECT_NEAR(drain_seconds(100, 3600, 300), 1800, 1e-9);
  EXPECT_EQ(drain_seconds(100, 0, 300), 0);
  EXPECT_TRUE(std::isinf(drain_seconds(100, 3600, 100)));
}

TEST(PredictionTest, RealTimeIsFullAtWhatItsHandlersCanDo) {
  const WorkerModel model{{4, 0.2, 0}, 4, 0, 0};
  EXPECT_NEAR(saturation(model, realtime()) / (4 / 0.0042), 1, 0.01);
  EXPECT_NEAR(saturation(model, realtime(100)) / (4 * 100 / 0.024), 1, 0.01);
  // Four fifths of it, to 3 %, where the budget is long.
  EXPECT_NEAR(most_per_second(model, realtime(), 1000) / (0.8 * 4 / 0.0042), 0.985, 0.025);
  EXPECT_EQ(most_per_second(model, realtime(), 4), 0) << "a job alone takes 4.2 ms";
}

TEST(PredictionTest, ABusyWorkerIsAskedForLongEnough) {
  // The queue is long in forgetting how it was, so that few jobs tell of one moment only.
  const WorkerModel model{{4, 0.2, 0.15}, 4, 0, 0};
  const double per_second = 0.88 * 4 / model.time.mean(1) * 1e3;
  const double formula = handlers_side_by_side(per_second / 1e3, model.time, 4).mean_latency;
  for (const std::uint64_t seed : {1, 2, 3}) {
    EXPECT_NEAR(predict(model, realtime(), per_second, seed).mean / formula, 1, 0.1) << seed;
  }
}

TEST(PredictionTest, WhatABudgetIsFullAtDoesNotHangOnTheLengthOfTheBacklog) {
  const WorkerModel model{{4, 0.2, 0.15}, 4, 0, 0};
  const Policy policy = latency_budget(std::chrono::milliseconds(50));
  const double most = saturation(model, policy);
  EXPECT_LT(most, 1.05 * saturation(model, realtime(1000))) << "what the largest batches do";
  EXPECT_GT(most, 4 * 60 / model.time.mean(60) * 1e3);
  for (const std::size_t backlog : {45'000U, 150'000U}) {
    EXPECT_NEAR(drained_per_second(model, policy, backlog) / most, 1, 0.15) << backlog;
  }
}

TEST(PlanTest, TheBudgetSavesWorkersAgainstRealTime) {
  const Plan& plan = usual_plan();
  EXPECT_TRUE(plan.keeps_budget());
  EXPECT_EQ(plan.policy.kind, PolicyKind::latency_budget);
  EXPECT_LE(plan.now.worker.p99, 50);
  EXPECT_GT(plan.now.worker.mean_batch, 10);
  ASSERT_EQ(plan.options.size(), 3U);
  const auto realtime = std::ranges::find(plan.options, ferry::realtime().to_string(),
                                          [](const Option& o) { return o.policy.to_string(); });
  ASSERT_NE(realtime, plan.options.end());
  EXPECT_GT(workers_needed(5000, realtime->most_per_second), 2 * plan.now.workers);
  EXPECT_GT(realtime->per_month, plan.options.front().per_month);
}

TEST(PlanTest, NamesTheLargestLineAndWhatALongerBudgetSavesOfIt) {
  const Plan& plan = usual_plan();
  EXPECT_EQ(plan.now.bill.largest().kind, LineKind::worker_cpu);
  ASSERT_FALSE(plan.levers.empty());
  EXPECT_EQ(plan.levers.front().what, "a budget of 80 ms instead of 50 ms");
  // Of 100 + 400/n µs a longer budget can only save from the second part.
  const double batch_part =
      400 / plan.now.worker.mean_batch / (100 + 400 / plan.now.worker.mean_batch);
  EXPECT_GT(plan.levers.front().part, 0.2 * batch_part);
  EXPECT_LT(plan.levers.front().part, batch_part);
}

TEST(PlanTest, AnOutageFillsMemoryAndHalfOfItIsTheLever) {
  Rates rates = default_rates();
  rates.gigabyte_moved = 0;
  const Plan plan = make_plan(measured(), rates,
                              {.per_second = 1000, .budget_ms = 50, .outage_seconds = 72 * 3600});
  EXPECT_NEAR(plan.now.bill.used(LineKind::redis_memory), 1000.0 * 72 * 3600 * 180, 1);
  EXPECT_EQ(plan.now.bill.largest().kind, LineKind::redis_memory);
  const auto half = std::ranges::find(plan.levers, "room for half of the outage", &Lever::what);
  ASSERT_NE(half, plan.levers.end());
  EXPECT_NEAR(half->part, 0.5, 1e-9);
}

TEST(PlanTest, GrowsAtCompoundInterest) {
  const Plan& plan = usual_plan();
  ASSERT_TRUE(plan.later);
  EXPECT_NEAR(plan.later->per_second, 5000 * 1.69, 1e-9);
  EXPECT_GT(plan.later->bill.per_month(), plan.now.bill.per_month());
}

TEST(PlanTest, AThousandWorkersAndAHundredPartitionsAreLimitedByTheFewServers) {
  const Plan plan = plan_for(
      {.per_second = 600'000, .budget_ms = 50, .partitions = 100, .workers = 1000, .servers = 2});
  EXPECT_EQ(plan.now.limits.first.what, "Redis CPU");
  EXPECT_LT(plan.now.limits.first.per_second, 600'000);
  EXPECT_LT(plan.now.fleet.done_per_second, 0.9 * 600'000);
  EXPECT_NEAR(plan.now.fleet.busiest_server, 1, 0.01);
}

TEST(PlanTest, SaysWhenThePartitionsAreTooFewForTheServers) {
  const Plan plan = plan_for({.per_second = 500'000, .budget_ms = 50, .workers = 1000});
  EXPECT_GT(plan.now.servers_wanted, 1U);
  EXPECT_EQ(plan.now.servers, 1U);
  EXPECT_THAT(plan.notes, testing::Contains(HasSubstr("a partition lives on one")));
}

TEST(PlanTest, SaysWhenNoPolicyKeepsTheBudget) {
  const Plan plan = plan_for({.per_second = 100, .budget_ms = 3});
  EXPECT_FALSE(plan.keeps_budget());
  for (const Option& option : plan.options) EXPECT_EQ(option.most_per_second, 0);
}

TEST(PlanTest, PlansRealTimeOnlyWhenNoBatchesWereMeasured) {
  nlohmann::json file = measured_file();
  file["runs"].erase(2);
  const Plan plan = make_plan(read_measured(file.dump(), "run.json"), default_rates(),
                              {.per_second = 100, .budget_ms = 50});
  EXPECT_EQ(plan.options.size(), 1U);
  EXPECT_THAT(plan.notes, testing::Contains(HasSubstr("only one size of batches")));
}

TEST(PlanTest, FormulasStandBesideTheSimulation) {
  for (const Check& check : usual_plan().checks) {
    EXPECT_NEAR(check.simulated_ms / check.formula_ms, 1, 0.05) << check.model;
  }
}

TEST(PlanTest, TheSameQuestionHasTheSameAnswer) {
  nlohmann::json file = measured_file();
  file["runs"].erase(2);  // real-time only, which is quick
  const Measured real_time = read_measured(file.dump(), "run.json");
  const auto text = [&](std::uint64_t seed) {
    const Question question{.per_second = 700, .budget_ms = 40, .partitions = 3, .seed = seed};
    const Plan plan = make_plan(real_time, default_rates(), question);
    return json_of(plan, real_time, default_rates())["now"].dump();
  };
  const std::string once = text(1);
  EXPECT_EQ(text(1), once);
  EXPECT_NE(text(2), once);
}

TEST(PlanTest, RefusesWhatMakesNoSense) {
  const auto refusal = [](const Question& question) -> std::string {
    try {
      validate(question);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was wrong";
  };
  EXPECT_THAT(refusal({.per_second = 0}), HasSubstr("rate is 0"));
  EXPECT_THAT(refusal({.per_second = 1, .budget_ms = 0.5}), HasSubstr("budget"));
  EXPECT_THAT(refusal({.per_second = 1, .growth_per_year = -1}), HasSubstr("growth"));
  EXPECT_THAT(refusal({.per_second = 1, .years = 30}), HasSubstr("years"));
  EXPECT_THAT(refusal({.per_second = 1, .partitions = 0}),
              AllOf(HasSubstr("partitions"), HasSubstr("1 to 10,000")));
}

}  // namespace
}  // namespace ferry::plan
