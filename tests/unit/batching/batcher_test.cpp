#include "batcher_fixture.hpp"

namespace ferry::detail {
namespace {

using BatcherTest = BatcherFixture;

TEST_F(BatcherTest, GivesNothingWhenNothingWaits) {
  make({{fixed(10, 5ms), 1, false}});
  EXPECT_FALSE(batcher().next(start));
  EXPECT_FALSE(batcher().due());
}

TEST_F(BatcherTest, PassesOnTheWholeReference) {
  make({{realtime(), 1, true}});
  arrive(0, start);
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs, (std::vector<JobRef>{{0, 7}}));
}

TEST_F(BatcherTest, LetsRealtimeJobsLeaveAtOnceAndAlone) {
  make({{realtime(), 4, true}});
  arrive_many(0, 3, start);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto departure = batcher().next(start);
    ASSERT_TRUE(departure);
    EXPECT_EQ(tokens(*departure), Tokens{i});
    EXPECT_EQ(departure->reason, LeaveReason::idle);
  }
  EXPECT_FALSE(batcher().next(start));
}

TEST_F(BatcherTest, GrowsARealtimeBatchWhileAllRunnersAreBusy) {
  make({{realtime(100), 1, false}});
  arrive(0, start);
  ASSERT_EQ(sizes(start), Sizes{1});
  arrive_many(0, 30, start + 1ms);
  EXPECT_FALSE(batcher().next(start + 1h));
  EXPECT_FALSE(batcher().due()) << "only a runner that comes free helps";
  batcher().runner_free(0, Suspect::no);
  const auto departure = batcher().next(start + 2ms);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs.size(), 30u);
  EXPECT_EQ(departure->reason, LeaveReason::idle);
}

TEST_F(BatcherTest, SaysSizeWhenARealtimeBatchHitItsLimit) {
  make({{realtime(10), 3, false}});
  arrive_many(0, 25, start);
  const auto first = batcher().next(start);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->reason, LeaveReason::size);
  EXPECT_EQ(tokens(*first), (Tokens{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(sizes(start), (Sizes{10, 5}));
}

TEST_F(BatcherTest, LetsAFixedBatchLeaveWhenItIsFull) {
  make({{fixed(3, 1s), 2, false}});
  arrive_many(0, 2, start);
  EXPECT_FALSE(batcher().next(start));
  arrive(0, start);
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->reason, LeaveReason::size);
  EXPECT_EQ(tokens(*departure), (Tokens{0, 1, 2}));
}

TEST_F(BatcherTest, CountsTheWaitFromTheOldestJob) {
  make({{fixed(100, 5ms), 2, false}});
  arrive(0, start);
  arrive(0, start + 4ms);
  EXPECT_EQ(batcher().due(), start + 5ms);
  EXPECT_FALSE(batcher().next(start + 5ms - 1ns));
  const auto departure = batcher().next(start + 5ms);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->reason, LeaveReason::linger);
  EXPECT_EQ(tokens(*departure), (Tokens{0, 1}));
}

TEST_F(BatcherTest, DoesNotLetATrickleHoldTheFirstJobBack) {
  make({{fixed(100, 5ms), 1, false}});
  // A job each millisecond: slower than the size, faster than the linger. A timer armed again by
  // each arrival would never go off.
  Time left_at{};
  for (Time now = start; now < start + 50ms && left_at == Time{}; now += 1ms) {
    arrive(0, now);
    if (batcher().next(now)) left_at = now;
  }
  EXPECT_EQ(left_at, start + 5ms);
}

TEST_F(BatcherTest, DoesNotArmTheTimerAgainForWhatIsLeftBehind) {
  make({{fixed(3, 10ms), 4, false}});
  arrive_many(0, 2, start);
  arrive(0, start + 1ms);
  const Time fourth = start + 2ms;
  arrive(0, fourth);
  ASSERT_EQ(sizes(start + 6ms), Sizes{3});
  EXPECT_EQ(batcher().due(), fourth + 10ms);
  EXPECT_EQ(sizes(fourth + 10ms), Sizes{1});
}

TEST_F(BatcherTest, CountsTheWaitOfWhatIsLeftBehindFromItsOldestJob) {
  make({{fixed(3, 10ms), 1, false}});
  arrive_many(0, 3, start);
  ASSERT_EQ(sizes(start), Sizes{3});
  for (int i = 1; i <= 5; ++i) arrive(0, start + i * 1ms);
  batcher().runner_free(0, Suspect::no);
  ASSERT_EQ(sizes(start + 6ms), Sizes{3});
  batcher().runner_free(0, Suspect::no);
  EXPECT_EQ(batcher().due(), start + 4ms + 10ms);
}

TEST_F(BatcherTest, LetsAFixedBatchLeaveWhenItsBytesAreFull) {
  make({{fixed(100, 1s, 1000), 4, false}});
  arrive(0, start, {.bytes = 400});
  arrive(0, start, {.bytes = 400});
  EXPECT_FALSE(batcher().next(start));
  arrive(0, start, {.bytes = 400});
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->reason, LeaveReason::bytes);
  EXPECT_EQ(tokens(*departure), (Tokens{0, 1}));
  EXPECT_FALSE(batcher().next(start)) << "the third job waits for its own time";
  EXPECT_EQ(batcher().due(), start + 1s);
}

TEST_F(BatcherTest, LetsAnOversizedJobTravelAlone) {
  make({{fixed(100, 1s, 1024), 4, false}});
  arrive(0, start, {.bytes = 5000});
  arrive(0, start, {.bytes = 10});
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(tokens(*departure), Tokens{0});
  EXPECT_EQ(departure->reason, LeaveReason::bytes);
  EXPECT_FALSE(batcher().next(start));
}

TEST_F(BatcherTest, FillsALingeredBatchUpWhileItWaitsForARunner) {
  make({{fixed(10, 5ms), 1, false}});
  arrive(0, start);
  ASSERT_EQ(sizes(start + 5ms), Sizes{1});
  arrive_many(0, 4, start + 6ms);
  EXPECT_FALSE(batcher().next(start + 11ms));
  arrive_many(0, 9, start + 12ms);
  batcher().runner_free(0, Suspect::no);
  const auto departure = batcher().next(start + 12ms);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs.size(), 10u);
  EXPECT_EQ(departure->reason, LeaveReason::size);
}

TEST_F(BatcherTest, IsDueWhenTheFirstOfAllKindsIsDue) {
  make({{fixed(10, 9ms), 8, false}, {fixed(10, 5ms), 8, false}, {fixed(10, 7ms), 8, false}});
  for (std::uint32_t kind = 0; kind < 3; ++kind) arrive(kind, start);
  EXPECT_EQ(batcher().due(), start + 5ms);
}

TEST_F(BatcherTest, FlushesWhatIsHeldButNotWhatComesLater) {
  make({{fixed(10, 1h), 2, false}});
  arrive_many(0, 3, start);
  arrive(0, start, {.key = "a"});
  batcher().flush();
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs.size(), 3u);
  EXPECT_EQ(departure->reason, LeaveReason::flush);
  EXPECT_EQ(sizes(start), Sizes{1});
  batcher().runner_free(0, Suspect::no);
  arrive(0, start);
  EXPECT_FALSE(batcher().next(start));
}

TEST_F(BatcherTest, FlushesTheRestOfAFullLane) {
  make({{fixed(10, 1h), 1, false}});
  arrive_many(0, 14, start);
  batcher().flush();
  ASSERT_EQ(sizes(start), Sizes{10});
  batcher().runner_free(0, Suspect::no);
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs.size(), 4u);
  EXPECT_EQ(departure->reason, LeaveReason::flush);
}

TEST_F(BatcherTest, HoldsNothingAfterAStop) {
  make({{fixed(10, 1h), 2, false}});
  arrive(0, start);
  batcher().flush(LeaveReason::stop);
  ASSERT_EQ(sizes(start), Sizes{1});
  arrive(0, start + 1ms);
  const auto departure = batcher().next(start + 1ms);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->reason, LeaveReason::stop);
}

TEST(BatcherOfManyTest, JobsThatArrivedTogetherPartAtTheLimitOfJobsOrBytes) {
  // The job at index i has 100 · i bytes.
  Batcher batcher({{realtime(3), 8, false}}, 8, [](const JobRef& job) { return 100 * job.index; });
  batcher.arrive({0, "", {7, 1}, 100 + 200 + 300 + 400, 1, Suspect::no, start, 4});
  batcher.arrive({0, "", {8, 5}, 500, 1, Suspect::no, start});
  EXPECT_EQ(batcher.held_jobs(), 5u);
  EXPECT_EQ(batcher.next(start)->jobs, (std::vector<JobRef>{{7, 1}, {7, 2}, {7, 3}}));
  EXPECT_EQ(batcher.next(start)->jobs, (std::vector<JobRef>{{7, 4}, {8, 5}}));

  Policy narrow = realtime(10);
  narrow.max_bytes = 1024;
  Batcher by_bytes({{narrow, 8, false}}, 8, [](const JobRef& job) { return 100 * job.index; });
  by_bytes.arrive({0, "", {7, 1}, 2100, 1, Suspect::no, start, 6});
  const auto departure = by_bytes.next(start);
  EXPECT_EQ(departure->jobs.size(), 4u) << "1000 bytes; the fifth would make it 1500";
  EXPECT_EQ(departure->reason, LeaveReason::bytes);
  EXPECT_EQ(by_bytes.next(start)->jobs, (std::vector<JobRef>{{7, 5}}));
  EXPECT_EQ(by_bytes.next(start)->jobs, (std::vector<JobRef>{{7, 6}}));
  EXPECT_FALSE(by_bytes.next(start));
}

TEST_F(BatcherTest, DrainsEverythingThatIsStillHeld) {
  make({{fixed(10, 1h), 1, false}, {realtime(), 1, true}});
  arrive_many(0, 12, start);
  arrive_many(0, 3, start, {.key = "a"});
  arrive_many(1, 4, start, {.suspect = Suspect::again});
  ASSERT_EQ(sizes(start), (Sizes{10, 1}));
  const auto drained = batcher().take_if([](const JobRef&) { return true; });
  EXPECT_EQ(drained.size(), 8u);
  EXPECT_EQ(batcher().held_jobs(), 0u);
  batcher().runner_free(0, Suspect::no);
  batcher().runner_free(1, Suspect::again);
  EXPECT_FALSE(batcher().next(start + 2h));
  EXPECT_FALSE(batcher().due());

  arrive(0, start + 2h, {.key = "a"});
  EXPECT_EQ(sizes(start + 4h), Sizes{1}) << "a drained batcher still works";
}

TEST_F(BatcherTest, LetsNoMoreLeaveThanTheConcurrencyThatWasSet) {
  make({{realtime(), 4}});
  arrive_many(0, 10, start);
  batcher().set_concurrency(0, 2);
  EXPECT_EQ(sizes(start), (Sizes{1, 1}));
  EXPECT_EQ(batcher().running(0), 2u);
  batcher().set_concurrency(0, 1);
  batcher().runner_free(0, Suspect::no);
  EXPECT_EQ(sizes(start), Sizes{}) << "one is still more than may run beside it";
  batcher().set_concurrency(0, 100);
  EXPECT_EQ(sizes(start), (Sizes{1, 1, 1})) << "never more than its settings say";
  batcher().set_concurrency(0, 0);
  for (int i = 0; i < 4; ++i) batcher().runner_free(0, Suspect::no);
  EXPECT_EQ(sizes(start), Sizes{1}) << "never none";
}

}  // namespace
}  // namespace ferry::detail
