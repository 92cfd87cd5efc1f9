#include "fault/harness/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace ferry::fault {
namespace {

using namespace std::chrono_literals;

ScheduleOptions everything() {
  return {.seed = 7,
          .length = 60s,
          .periods = {.kill_worker = 1s,
                      .stop_worker = 8s,
                      .kill_producer = 4s,
                      .kill_redis = 5s,
                      .stop_redis = 6s,
                      .cut_clients = 3s,
                      .flush_functions = 9s},
          .workers = 3,
          .producers = 2};
}

std::size_t count_of(const std::vector<FaultAt>& schedule, Fault fault) {
  return static_cast<std::size_t>(std::ranges::count(schedule, fault, &FaultAt::fault));
}

TEST(FaultScheduleTest, IsTheSameForTheSameSeedOnly) {
  ScheduleOptions options = everything();
  const auto first = make_schedule(options);
  EXPECT_EQ(first, make_schedule(options));
  options.seed = 8;
  EXPECT_NE(first, make_schedule(options));
}

TEST(FaultScheduleTest, ComesAboutAsOftenAsAskedForInTheOrderOfTime) {
  const auto schedule = make_schedule(everything());
  EXPECT_TRUE(std::ranges::is_sorted(schedule, {}, &FaultAt::at));
  EXPECT_GE(count_of(schedule, Fault::kill_worker), 40U);
  EXPECT_LE(count_of(schedule, Fault::kill_worker), 120U);
  EXPECT_GE(count_of(schedule, Fault::kill_redis), 8U);
  std::set<std::size_t> targets;
  for (const FaultAt& fault : schedule) {
    EXPECT_LT(fault.target, 3U);
    if (fault.fault == Fault::kill_worker) targets.insert(fault.target);
  }
  EXPECT_EQ(targets.size(), 3U);
}

TEST(FaultScheduleTest, LetsEverythingThatIsStoppedGoOnBeforeTheEnd) {
  const auto schedule = make_schedule(everything());
  EXPECT_EQ(count_of(schedule, Fault::stop_worker), count_of(schedule, Fault::continue_worker));
  EXPECT_EQ(count_of(schedule, Fault::stop_redis), count_of(schedule, Fault::continue_redis));
  EXPECT_LE(schedule.back().at, 60s);
}

TEST(FaultScheduleTest, StopsAWorkerForLongerThanItsLease) {
  ScheduleOptions options = everything();
  options.periods = {.stop_worker = 8s};
  const auto schedule = make_schedule(options);
  ASSERT_GE(schedule.size(), 4U);
  for (std::size_t i = 0; i + 2 < schedule.size(); i += 2) {
    ASSERT_EQ(schedule[i].fault, Fault::stop_worker);
    ASSERT_EQ(schedule[i + 1].fault, Fault::continue_worker);
    EXPECT_EQ(schedule[i].target, schedule[i + 1].target);
    EXPECT_GT(schedule[i + 1].at - schedule[i].at, options.lease);
  }
}

TEST(FaultScheduleTest, AnotherPeriodOfOneFaultLeavesTheOthersWhereTheyWere) {
  ScheduleOptions options = everything();
  const auto before = make_schedule(options);
  options.periods.kill_redis = 1s;
  auto after = make_schedule(options);
  std::vector<FaultAt> kept;
  std::ranges::copy_if(before, std::back_inserter(kept),
                       [](const FaultAt& at) { return at.fault != Fault::kill_redis; });
  std::erase_if(after, [](const FaultAt& at) { return at.fault == Fault::kill_redis; });
  EXPECT_EQ(kept, after);
}

}  // namespace
}  // namespace ferry::fault
