#include <algorithm>
#include <string>
#include <vector>

#include "batcher_fixture.hpp"

namespace ferry::detail {
namespace {

using BatcherLanesTest = BatcherFixture;

TEST_F(BatcherLanesTest, MakesSeveralFullBatchesOfALongWait) {
  make({{fixed(10, 1s), 1, false}});
  arrive_many(0, 35, start);
  EXPECT_EQ(sizes(start), Sizes{10});
  for (int i = 0; i < 2; ++i) {
    batcher().runner_free(0, Suspect::no);
    EXPECT_EQ(sizes(start), Sizes{10});
  }
  batcher().runner_free(0, Suspect::no);
  EXPECT_EQ(sizes(start), Sizes{});
  EXPECT_EQ(batcher().held_jobs(), 5u);
  EXPECT_EQ(sizes(start + 1s), Sizes{5});
}

TEST_F(BatcherLanesTest, NeverMixesKindsOrBatchKeys) {
  make({{realtime(10), 8, false}, {realtime(10), 8, false}});
  arrive(0, start, {.key = "a"});
  arrive(1, start, {.key = "a"});
  arrive(0, start, {.key = "b"});
  arrive(0, start);
  arrive(0, start, {.key = "a"});
  std::vector<Tokens> left;
  while (auto departure = batcher().next(start)) left.push_back(tokens(*departure));
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left, (std::vector<Tokens>{{0, 4}, {1}, {2}, {3}}));
}

TEST_F(BatcherLanesTest, CountsTheLingerOfEachBatchKeyByItself) {
  make({{fixed(10, 5ms), 8, false}});
  arrive(0, start, {.key = "a"});
  arrive(0, start + 3ms, {.key = "b"});
  EXPECT_EQ(sizes(start + 5ms), Sizes{1});
  EXPECT_EQ(batcher().due(), start + 8ms);
  EXPECT_EQ(sizes(start + 8ms), Sizes{1});
}

TEST_F(BatcherLanesTest, LetsThoseSuspectedAgainLeaveOneAfterTheOther) {
  make({{fixed(10, 1h), 2, false}, {realtime(), 2, true}});
  arrive_many(0, 2, start, {.key = "a", .suspect = Suspect::again});
  arrive(1, start, {.suspect = Suspect::again});
  arrive(0, start, {.key = "a"});
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto departure = batcher().next(start);
    ASSERT_TRUE(departure);
    EXPECT_EQ(tokens(*departure), Tokens{i});
    EXPECT_EQ(departure->reason, LeaveReason::suspect);
    EXPECT_FALSE(batcher().next(start)) << "only one suspect may run, of whatever kind";
    batcher().runner_free(departure->kind, Suspect::again);
  }
  EXPECT_FALSE(batcher().next(start));
  EXPECT_EQ(batcher().held_jobs(), 1u);
}

TEST_F(BatcherLanesTest, LetsSuspectsOfAFirstDeathLeaveTogetherAsFarAsTheKindAllows) {
  make({{fixed(10, 1h), 1, false}, {realtime(), 1, true}, {realtime(1000), 1, false}}, 3);
  batcher().set_suspect_group(1, 4);
  for (std::uint32_t kind = 0; kind < 3; ++kind) {
    arrive_many(kind, 100, start, {.suspect = Suspect::once});
  }
  EXPECT_EQ(sizes(start), (Sizes{10, 4, Batcher::most_suspects}));
}

TEST_F(BatcherLanesTest, LetsNobodySuspectedRunBesideOneSuspectedAgain) {
  make({{realtime(), 3, true}});
  arrive(0, start, {.suspect = Suspect::once});
  arrive(0, start + 1ms, {.suspect = Suspect::again});
  arrive(0, start + 2ms, {.suspect = Suspect::once});
  ASSERT_EQ(batcher().next(start + 2ms)->suspect, Suspect::once);
  ASSERT_EQ(batcher().next(start + 2ms)->suspect, Suspect::once);
  ASSERT_FALSE(batcher().next(start + 2ms)) << "it has to wait for both";
  batcher().runner_free(0, Suspect::once);
  ASSERT_FALSE(batcher().next(start + 2ms));
  batcher().runner_free(0, Suspect::once);
  ASSERT_EQ(batcher().next(start + 2ms)->suspect, Suspect::again);
  arrive(0, start + 3ms, {.suspect = Suspect::once});
  ASSERT_FALSE(batcher().next(start + 3ms));
  batcher().runner_free(0, Suspect::again);
  ASSERT_EQ(batcher().next(start + 3ms)->suspect, Suspect::once);
}

TEST(SuspectTest, HasTwoChancesAlone) {
  EXPECT_EQ(suspect_after(0, 3), Suspect::once);
  EXPECT_EQ(suspect_after(1, 3), Suspect::again);
  EXPECT_EQ(suspect_after(2, 3), Suspect::again);
  EXPECT_EQ(suspect_after(0, 2), Suspect::again);
  EXPECT_EQ(suspect_after(0, 1), Suspect::again);
  EXPECT_EQ(suspect_after(1, 9), Suspect::again);
}

TEST_F(BatcherLanesTest, LetsOthersLeaveWhileASuspectRuns) {
  make({{realtime(), 2, true}});
  arrive_many(0, 2, start, {.suspect = Suspect::again});
  arrive(0, start + 1ms);
  EXPECT_EQ(batcher().next(start + 1ms)->reason, LeaveReason::suspect);
  EXPECT_EQ(batcher().next(start + 1ms)->reason, LeaveReason::idle);
  EXPECT_FALSE(batcher().next(start + 1ms)) << "suspects use up the kind's runners like others";
}

TEST_F(BatcherLanesTest, DoesNotLetABusyKindBlockAnother) {
  make({{realtime(), 1, true}, {realtime(), 1, true}}, 2);
  arrive_many(0, 5, start, {.priority = Priority::high});
  ASSERT_EQ(sizes(start), Sizes{1});
  arrive(1, start, {.priority = Priority::low});
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->kind, 1u);
}

TEST_F(BatcherLanesTest, KeepsToTheTotalConcurrency) {
  make({{realtime(), 2, true}, {realtime(), 2, true}}, 3);
  arrive_many(0, 5, start);
  arrive_many(1, 5, start);
  EXPECT_EQ(sizes(start), (Sizes{1, 1, 1}));
  batcher().runner_free(0, Suspect::no);
  EXPECT_EQ(sizes(start), Sizes{1});
}

TEST_F(BatcherLanesTest, TakesAConcurrencyOfZeroForTheTotal) {
  make({{realtime(), 0, true}}, 3);
  arrive_many(0, 5, start);
  EXPECT_EQ(sizes(start), (Sizes{1, 1, 1}));
}

TEST_F(BatcherLanesTest, LetsHigherPrioritiesLeaveFirstThenTheOldest) {
  make({{realtime(), 1, true}, {realtime(), 1, true}}, 1);
  arrive(0, start, {.priority = Priority::low});
  arrive(0, start + 2ms);
  arrive(1, start + 1ms);
  arrive(1, start + 3ms, {.priority = Priority::high});
  Tokens order;
  while (auto departure = batcher().next(start + 4ms)) {
    order.push_back(departure->jobs.front().token);
    batcher().runner_free(departure->kind, Suspect::no);
  }
  EXPECT_EQ(order, (Tokens{3, 2, 1, 0}));
}

TEST_F(BatcherLanesTest, GroupsOnlyWhatTheFreeRunnersCannotTakeAtOnce) {
  make({{realtime(), 4, true}}, 4);
  batcher().set_group(0, 100);
  arrive_many(0, 4, start);
  EXPECT_EQ(sizes(start), (Sizes{1, 1, 1, 1}));
  arrive_many(0, 10, start);
  for (int i = 0; i < 4; ++i) batcher().runner_free(0, Suspect::no);
  EXPECT_EQ(sizes(start), (Sizes{3, 3, 2, 2}));
  arrive_many(0, 250, start);
  batcher().runner_free(0, Suspect::no);
  const auto departure = batcher().next(start);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->jobs.size(), 100u);
  EXPECT_EQ(departure->reason, LeaveReason::idle);
}

TEST_F(BatcherLanesTest, NeverGroupsBatchesOrSuspects) {
  make({{realtime(), 1, false}, {realtime(5), 1, true}, {realtime(), 1, true}}, 3);
  for (std::uint32_t kind = 0; kind < 3; ++kind) batcher().set_group(kind, 100);
  arrive_many(0, 9, start);
  arrive_many(1, 9, start);
  arrive_many(2, 9, start, {.suspect = Suspect::again});
  EXPECT_EQ(sizes(start), (Sizes{1, 5, 1}));
}

TEST_F(BatcherLanesTest, ForgetsBatchKeysWithTheirLastJob) {
  make({{fixed(2, 1ms), 1, false}});
  arrive(0, start, {.key = "first"});
  ASSERT_EQ(sizes(start + 1ms), Sizes{1});
  batcher().runner_free(0, Suspect::no);
  const std::size_t lanes = batcher().lanes();
  for (int i = 0; i < 1'000'000; ++i) {
    const std::string key = "customer-" + std::to_string(i);
    arrive(0, start, {.key = key});
    ASSERT_TRUE(batcher().next(start + 1ms));
    batcher().runner_free(0, Suspect::no);
  }
  EXPECT_EQ(batcher().lanes(), lanes);
}

TEST_F(BatcherLanesTest, HoldsManyBatchKeysAtOnceInTheOrderOfTheirAge) {
  make({{fixed(10, 1ms), 1, false}});
  constexpr std::uint64_t keys = 100'000;
  for (std::uint64_t i = 0; i < keys; ++i) {
    const std::string key = std::to_string(i);
    arrive(0, start + std::chrono::microseconds{(i * 7919) % keys}, {.key = key});
  }
  Time last{};
  for (std::uint64_t i = 0; i < keys; ++i) {
    const auto departure = batcher().next(start + 1h);
    ASSERT_TRUE(departure);
    const Time at =
        start + std::chrono::microseconds{(departure->jobs.front().token * 7919) % keys};
    ASSERT_LT(last, at);
    last = at;
    batcher().runner_free(0, Suspect::no);
  }
  EXPECT_EQ(batcher().held_jobs(), 0u);
}

}  // namespace
}  // namespace ferry::detail
