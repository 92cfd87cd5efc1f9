// What leaves a batcher before its policy wishes, or goes back to where it came from.
#include <gmock/gmock.h>

#include <algorithm>

#include "unit/batching/batcher_fixture.hpp"

namespace ferry::detail {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class BatcherLeaveEarlyTest : public BatcherFixture {
 protected:
  static std::vector<std::uint64_t> numbers(const std::vector<JobRef>& jobs) {
    std::vector<std::uint64_t> list;
    for (const JobRef& job : jobs) list.push_back(job.token);
    return list;
  }
  static bool any(const JobRef&) { return true; }

  /// A job that has waited so long in Redis.
  void arrive_late(std::uint64_t token, Time at, std::chrono::nanoseconds queued) {
    Arrival arrival;
    arrival.job = {token, 0};
    arrival.at = at;
    arrival.queued = queued;
    batcher().arrive(arrival);
  }
};

TEST_F(BatcherLeaveEarlyTest, CountsWhatWaitsForCompanyApart) {
  make({{fixed(10, 1s)}, {realtime()}}, 1);
  arrive_many(0, 9, start);
  EXPECT_EQ(batcher().held_jobs(0), 9u);
  EXPECT_EQ(batcher().ready_jobs(0), 0u);
  arrive(0, start);
  EXPECT_EQ(batcher().held_jobs(0), 0u) << "it is full";
  EXPECT_EQ(batcher().ready_jobs(0), 10u);
  arrive_many(1, 3, start);
  EXPECT_EQ(batcher().ready_jobs(1), 3u);
}

TEST_F(BatcherLeaveEarlyTest, CountsTheLanesOfWhatWaits) {
  make({{fixed(10, 1s)}}, 1);
  for (int key = 0; key < 5; ++key) {
    arrive_many(0, 4, start, {.key = std::string_view("abcde").substr(key, 1)});
  }
  EXPECT_EQ(batcher().held_lanes(0), 5u);
  EXPECT_EQ(batcher().ready_lanes(0), 0u);
  arrive_many(0, 6, start, {.key = "a"});
  EXPECT_EQ(batcher().held_lanes(0), 4u);
  EXPECT_EQ(batcher().ready_lanes(0), 1u);
}

TEST_F(BatcherLeaveEarlyTest, CountsHeldJobsRightWhateverHappens) {
  make({{fixed(10, 1s)}}, 1);
  for (int key = 0; key < 5; ++key) {
    arrive_many(0, 4, start + key * 1ms, {.key = std::string_view("abcde").substr(key, 1)});
  }
  EXPECT_EQ(batcher().held_jobs(0), 20u);
  EXPECT_TRUE(sizes(start + 500ms).empty());
  EXPECT_EQ(sizes(start + 1002ms).size(), 1u) << "one handler";
  EXPECT_EQ(batcher().held_jobs(0), 8u) << "three have lingered";
  batcher().flush();
  EXPECT_EQ(batcher().held_jobs(0), 0u);
}

TEST_F(BatcherLeaveEarlyTest, TheOldestLeaveWhenItIsCrowded) {
  make({{fixed(10, 1h)}, {fixed(10, 1h)}}, 8);
  arrive_many(0, 3, start + 1ms, {.key = "younger"});
  arrive_many(1, 3, start, {.key = "oldest"});
  arrive_many(0, 3, start + 2ms, {.key = "youngest"});
  EXPECT_FALSE(batcher().next(start + 1s));
  batcher().crowd_out(4);
  auto first = batcher().next(start + 1s);
  auto second = batcher().next(start + 1s);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->kind, 1u);
  EXPECT_EQ(first->reason, LeaveReason::crowded);
  EXPECT_EQ(second->kind, 0u);
  EXPECT_FALSE(batcher().next(start + 1s));
  EXPECT_EQ(batcher().held_jobs(0), 3u);
}

TEST_F(BatcherLeaveEarlyTest, WhatComesAfterACrowdWaitsAsUsual) {
  make({{fixed(10, 1h)}}, 1);
  arrive_many(0, 3, start);
  batcher().crowd_out(1);
  ASSERT_TRUE(batcher().next(start));
  batcher().runner_free(0, Suspect::no);
  arrive_many(0, 3, start);
  EXPECT_FALSE(batcher().next(start + 1s));
  EXPECT_EQ(batcher().held_jobs(0), 3u);
}

TEST_F(BatcherLeaveEarlyTest, BatchesUnderALatencyBudgetLeaveWhenItIsCrowdedToo) {
  make({{latency_budget(1h)}}, 1);
  // The rule holds once it knows what a run takes.
  for (int i = 0; i < 40; ++i) {
    arrive(0, start + i * 1s);
    const auto departure = batcher().next(start + i * 1s + 1ms);
    if (!departure) break;
    batcher().runner_free(0, Suspect::no);
    batcher().ran(0, {departure->jobs.size(), 1ms, start, start + 1ms, false, {1, 0}, {}});
  }
  const std::size_t before = batcher().held_jobs(0);
  if (before == 0) arrive(0, start + 2h);
  batcher().crowd_out(1);
  const auto departure = batcher().next(start + 2h);
  ASSERT_TRUE(departure);
}

TEST_F(BatcherLeaveEarlyTest, TakesTheNewestAndLeastUrgentThatWaitForAHandler) {
  make({{realtime()}, {realtime()}}, 1);
  const auto high = arrive(0, start, {.priority = Priority::high});
  const auto first = arrive(0, start);
  const auto second = arrive(0, start);
  const auto low = arrive(0, start, {.priority = Priority::low});
  arrive(1, start);
  EXPECT_THAT(numbers(batcher().take_newest(0, 2, any)), UnorderedElementsAre(low, second));
  EXPECT_THAT(numbers(batcher().take_newest(0, 10, any)), UnorderedElementsAre(first, high));
  EXPECT_EQ(batcher().held_jobs(), 1u);
}

TEST_F(BatcherLeaveEarlyTest, TakesOfTheNewestOnlyThoseThatFit) {
  make({{realtime()}}, 1);
  for (int i = 0; i < 10; ++i) arrive(0, start);
  const auto even = [](const JobRef& job) { return job.token % 2 == 0; };
  EXPECT_THAT(numbers(batcher().take_newest(0, 2, even)), UnorderedElementsAre(6, 8));
  std::vector<std::uint64_t> left;
  while (auto departure = batcher().next(start)) {
    for (const auto token : tokens(*departure)) left.push_back(token);
    batcher().runner_free(0, Suspect::no);
  }
  EXPECT_THAT(left, ElementsAre(0, 1, 2, 3, 4, 5, 7, 9));
}

TEST_F(BatcherLeaveEarlyTest, SuspectsAndWhatWaitsForCompanyStay) {
  make({{fixed(10, 1s)}}, 1);
  arrive_many(0, 3, start);
  arrive(0, start, {.suspect = Suspect::once});
  EXPECT_TRUE(batcher().take_newest(0, 10, any).empty());
  EXPECT_EQ(batcher().held_jobs(), 4u);
}

TEST_F(BatcherLeaveEarlyTest, TakesOutWhateverIsTrueAndForgetsEmptyLanes) {
  make({{fixed(10, 1s)}, {latency_budget(50ms)}}, 2);
  for (int i = 0; i < 6; ++i) arrive(0, start, {.key = i % 2 == 0 ? "a" : "b"});
  for (int i = 0; i < 6; ++i) arrive(1, start, {.key = i % 2 == 0 ? "a" : ""});
  arrive(0, start, {.suspect = Suspect::again});
  const auto taken = batcher().take_if([](const JobRef& job) { return job.token % 3 != 0; });
  EXPECT_EQ(taken.size(), 8u);
  EXPECT_EQ(batcher().held_jobs(), 5u);
  std::size_t left = 0;
  while (auto departure = batcher().next(start + 2s)) {
    left += departure->jobs.size();
    batcher().runner_free(departure->kind, departure->suspect);
  }
  EXPECT_EQ(left, 5u);
  EXPECT_EQ(batcher().held_jobs(), 0u);
}

TEST_F(BatcherLeaveEarlyTest, TimeInRedisCountsAsTimeForCompany) {
  make({{fixed(10, 1s)}}, 1);
  arrive_late(1, start, 600ms);
  EXPECT_EQ(batcher().due(), start + 400ms);
}

TEST_F(BatcherLeaveEarlyTest, WhatWaitedLongInRedisIsJoinedByWhatComesWithIt) {
  make({{fixed(10, 1s)}}, 1);
  arrive_late(1, start, 10s);
  EXPECT_FALSE(batcher().next(start + 1ms));
  arrive_late(2, start + 1ms, 10s);
  const auto departure = batcher().next(start + 2ms);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs.size(), 2u);
  EXPECT_EQ(departure->reason, LeaveReason::linger);
}

}  // namespace
}  // namespace ferry::detail
