#include "plan/fleet.hpp"

#include <gtest/gtest.h>

namespace ferry::plan {
namespace {

/// 1,000 workers of 4 handlers, 100 partitions; 4 + 0.2 n ms a batch.
FleetSettings large_fleet(std::size_t servers, double redis_per_job_ms) {
  FleetSettings fleet;
  fleet.workers = 1000;
  fleet.handlers = 4;
  fleet.partitions = 100;
  fleet.servers = servers;
  fleet.time = {4, 0.2, 0.15};
  fleet.redis_per_job = redis_per_job_ms;
  return fleet;
}

/// One worker, job by job: 4 handlers / 4.2 ms.
constexpr double worker_most = 4 / 4.2 * 1e3;

TEST(FleetTest, AgreesWithTheFormulaForOneHandler) {
  FleetSettings fleet;
  fleet.per_second = 150;
  fleet.time = {4, 0.2, 0.15};
  const FleetAnswer answer = simulate_fleet(fleet);
  const QueueAnswer formula = single_handler(0.15, fleet.time);
  EXPECT_NEAR(answer.mean / formula.mean_latency, 1, 0.03);
  EXPECT_NEAR(answer.handlers_busy / formula.utilisation, 1, 0.01);
  EXPECT_NEAR(answer.mean_handler_wait / formula.mean_wait, 1, 0.08);
}

TEST(FleetTest, ComesNearTheFormulaForARedisThatHasMoreToDoThanItsWorkers) {
  // 0.9 ms a job in two calls, of 0.6 and 0.3.
  FleetSettings fleet;
  fleet.per_second = 500;
  fleet.workers = 50;
  fleet.time = {1, 0, 0};
  fleet.redis_per_job = 0.9;
  const FleetAnswer answer = simulate_fleet(fleet);
  EXPECT_NEAR(answer.busiest_server, 0.45, 0.01);
  // Both kinds of call in one queue: W = λ E[S²] / (2 (1 − ρ)), λ = 1 a ms, E[S²] = 0.225. A job's
  // second call comes just after its first, so that calls come in bursts and wait a little longer.
  EXPECT_NEAR(answer.mean_redis_wait, 1 * 0.225 / (2 * 0.55), 0.03);
}

TEST(FleetTest, TheSameSeedGivesTheSameAnswer) {
  FleetSettings fleet = large_fleet(4, 0.002);
  fleet.per_second = 100'000;
  const FleetAnswer answer = simulate_fleet(fleet);
  EXPECT_EQ(answer.mean, simulate_fleet(fleet).mean);
  fleet.seed = 2;
  EXPECT_NE(answer.mean, simulate_fleet(fleet).mean);
}

TEST(FleetTest, HoldsABatchUntilItsTime) {
  FleetSettings fleet;
  fleet.per_second = 1000;
  fleet.time = {1, 0, 0};
  fleet.most_jobs = 100;
  fleet.hold = 9;
  fleet.handlers = 4;
  // The first job and those of 9 ms.
  EXPECT_NEAR(simulate_fleet(fleet).mean_batch, 10, 0.2);
}

TEST(FleetLimitsTest, OneRedisIsFullLongBeforeAThousandWorkers) {
  const FleetLimits limits = limits_of(large_fleet(1, 0.02), worker_most);
  EXPECT_EQ(limits.first.what, "Redis CPU");
  EXPECT_NEAR(limits.first.per_second, 50'000, 1e-6);
  EXPECT_NEAR(limits.handlers, 952'381, 1);
}

TEST(FleetLimitsTest, EnoughServersLeaveItToTheHandlers) {
  const FleetLimits limits = limits_of(large_fleet(25, 0.02), worker_most);
  EXPECT_EQ(limits.first.what, "handlers");
  EXPECT_NEAR(limits.servers, 1'250'000, 1e-3);
}

TEST(FleetLimitsTest, TheUnluckiestPartOfAnUnevenDealIsFullFirst) {
  // 100 partitions on 60 servers: some have two, so only half of what one server each could do.
  EXPECT_NEAR(limits_of(large_fleet(60, 0.02), worker_most).servers, 50'000.0 * 100 / 2, 1e-3);
  FleetSettings fleet = large_fleet(1, 0);
  fleet.workers = 150;  // half of the partitions have one worker, half two
  EXPECT_NEAR(limits_of(fleet, 10).handlers, 1000, 1e-9);
  fleet.workers = 60;  // some have two partitions
  EXPECT_NEAR(limits_of(fleet, 10).handlers, 500, 1e-9);
}

TEST(FleetLimitsTest, TheSimulationFallsBehindBeyondThemAndKeepsUpBelow) {
  for (const std::size_t servers : {1, 25}) {
    FleetSettings fleet = large_fleet(servers, 0.02);
    const double limit = limits_of(fleet, worker_most).first.per_second;
    fleet.per_second = 0.9 * limit;
    EXPECT_GT(simulate_fleet(fleet).done_per_second, 0.98 * fleet.per_second) << servers;
    fleet.per_second = 1.3 * limit;
    EXPECT_LT(simulate_fleet(fleet).done_per_second, 1.05 * limit) << servers;
  }
}

}  // namespace
}  // namespace ferry::plan
