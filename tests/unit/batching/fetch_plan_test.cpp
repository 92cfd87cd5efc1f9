#include "batching/fetch_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ferry::detail {
namespace {

using testing::ElementsAre;

constexpr Priority high = Priority::high;
constexpr Priority normal = Priority::normal;
constexpr Priority low = Priority::low;
constexpr std::size_t endless = 1'000'000'000;

/// Redis, as far as a plan can see it: how many envelopes wait in each stream.
struct Streams {
  std::map<std::pair<std::uint32_t, Priority>, std::size_t> waiting;

  /// Answers a fetch and tells the plan. Returns: what was found, in all.
  std::size_t serve(FetchPlan& plan, const Fetch& fetch) {
    std::vector<std::size_t> found;
    std::size_t all = 0;
    for (const StreamAt& stream : fetch.streams) {
      auto& left = waiting[{stream.queue, stream.priority}];
      found.push_back(std::min(left, fetch.count));
      left -= found.back();
      taken[stream.queue] += found.back();
      all += found.back();
    }
    plan.report(fetch, found);
    return all;
  }

  std::map<std::uint32_t, std::size_t> taken;
};

std::vector<std::pair<std::uint32_t, Priority>> asked(const Fetch& fetch) {
  std::vector<std::pair<std::uint32_t, Priority>> list;
  for (const StreamAt& stream : fetch.streams) list.emplace_back(stream.queue, stream.priority);
  return list;
}

using At = std::pair<std::uint32_t, Priority>;

TEST(FetchPlanTest, AsksEverythingAndBlocksWhileNothingIsKnown) {
  FetchPlan plan({1, 1}, QueueOrder::weighted);
  const Fetch fetch = plan.next(10);
  EXPECT_THAT(asked(fetch), ElementsAre(At{0, high}, At{0, normal}, At{0, low}, At{1, high},
                                        At{1, normal}, At{1, low}));
  EXPECT_TRUE(fetch.block);
  EXPECT_EQ(fetch.count, 5u);
}

TEST(FetchPlanTest, AsksNothingWhenThereIsNoRoom) {
  FetchPlan plan({1}, QueueOrder::weighted);
  EXPECT_TRUE(plan.next(0).streams.empty());
  EXPECT_FALSE(plan.next(0).block);
}

TEST(FetchPlanTest, LeavesLowerPrioritiesAloneWhileAHigherOneAnswersInFull) {
  FetchPlan plan({1}, QueueOrder::weighted);
  Streams redis{{{{0, high}, 25}, {{0, normal}, endless}}, {}};
  redis.serve(plan, plan.next(10));
  const Fetch second = plan.next(10);
  EXPECT_THAT(asked(second), ElementsAre(At{0, high}));
  EXPECT_FALSE(second.block);
  EXPECT_EQ(second.count, 10u);
  redis.serve(plan, second);
  redis.serve(plan, plan.next(10));  // finds the last 5
  EXPECT_THAT(asked(plan.next(10)), ElementsAre(At{0, high}, At{0, normal}));
}

TEST(FetchPlanTest, BlocksAgainWhenAllCameBackShort) {
  FetchPlan plan({1}, QueueOrder::weighted);
  Streams redis{{{{0, high}, 10}}, {}};
  redis.serve(plan, plan.next(10));
  ASSERT_FALSE(plan.next(10).block);
  redis.serve(plan, plan.next(10));
  EXPECT_TRUE(plan.next(10).block);
  EXPECT_EQ(plan.next(10).streams.size(), 3u);
}

TEST(FetchPlanTest, SharesFetchesInProportionToTheWeights) {
  FetchPlan plan({3, 1}, QueueOrder::weighted);
  Streams redis{{{{0, normal}, endless}, {{1, normal}, endless}}, {}};
  for (int i = 0; i < 4000; ++i) redis.serve(plan, plan.next(10));
  const double share =
      static_cast<double>(redis.taken[0]) / static_cast<double>(redis.taken[0] + redis.taken[1]);
  EXPECT_NEAR(share, 0.75, 0.0025);
}

TEST(FetchPlanTest, SpreadsTheTurnsOfAHeavyQueue) {
  FetchPlan plan({3, 1}, QueueOrder::weighted);
  Streams redis{{{{0, high}, endless}, {{1, high}, endless}}, {}};
  redis.serve(plan, plan.next(10));
  std::string turns;
  for (int i = 0; i < 8; ++i) {
    const Fetch fetch = plan.next(10);
    ASSERT_EQ(fetch.streams.size(), 1u);
    turns += std::to_string(fetch.streams[0].queue);
    redis.serve(plan, fetch);
  }
  EXPECT_EQ(turns, "00100010");
}

TEST(FetchPlanTest, GivesAnEmptyQueuesShareToTheOthers) {
  FetchPlan plan({1000, 1}, QueueOrder::weighted);
  Streams redis{{{{1, normal}, endless}}, {}};
  for (int i = 0; i < 100; ++i) redis.serve(plan, plan.next(10));
  EXPECT_GE(redis.taken[1], 99u * 10u);
}

TEST(FetchPlanTest, AsksAlongWhatIsBelievedEmpty) {
  FetchPlan plan({1, 1, 1}, QueueOrder::weighted);
  Streams redis{{{{0, normal}, endless}, {{1, normal}, endless}}, {}};
  redis.serve(plan, plan.next(9));
  const Fetch fetch = plan.next(9);
  EXPECT_THAT(asked(fetch), ElementsAre(At{0, high}, At{0, normal}, At{1, high}, At{2, high},
                                        At{2, normal}, At{2, low}))
      << "queue 0 has its turn; queue 1 is asked for nothing but what costs nothing";
  EXPECT_FALSE(fetch.block);
}

TEST(FetchPlanTest, TakesLittleMoreThanThereIsRoomForFromBackloggedQueues) {
  FetchPlan plan({1, 1, 1}, QueueOrder::weighted);
  Streams redis;
  for (std::uint32_t queue = 0; queue < 3; ++queue) {
    for (const Priority priority : {high, normal, low}) redis.waiting[{queue, priority}] = endless;
  }
  redis.serve(plan, plan.next(12));
  for (int i = 0; i < 30; ++i) EXPECT_EQ(redis.serve(plan, plan.next(12)), 12u);
}

TEST(FetchPlanTest, WorksOnAStrictQueueOnlyWhileThoseBeforeItAreEmpty) {
  FetchPlan plan({1, 1000}, QueueOrder::strict);
  Streams redis{{{{0, low}, 35}, {{1, high}, endless}}, {}};
  redis.serve(plan, plan.next(10));  // nothing is known yet: 5 of each
  const std::size_t before = redis.taken[1];
  for (int i = 0; i < 3; ++i) {
    const Fetch fetch = plan.next(10);
    EXPECT_THAT(asked(fetch), ElementsAre(At{0, high}, At{0, normal}, At{0, low}));
    EXPECT_FALSE(fetch.block);
    redis.serve(plan, fetch);
  }
  EXPECT_EQ(redis.taken[1], before);
  redis.serve(plan, plan.next(10));  // queue 0 turns out to be empty
  EXPECT_THAT(asked(plan.next(10)),
              ElementsAre(At{0, high}, At{0, normal}, At{0, low}, At{1, high}));
}

TEST(FetchPlanTest, PassesOverPausedQueues) {
  FetchPlan plan({1, 1}, QueueOrder::weighted);
  plan.pause(0, true);
  EXPECT_FALSE(plan.all_paused());
  const Fetch fetch = plan.next(10);
  EXPECT_THAT(asked(fetch), ElementsAre(At{1, high}, At{1, normal}, At{1, low}));
  EXPECT_TRUE(fetch.block) << "a paused queue is nothing to wait for";
  EXPECT_EQ(fetch.count, 10u);
  plan.pause(1, true);
  EXPECT_TRUE(plan.all_paused());
  EXPECT_TRUE(plan.next(10).streams.empty());
  plan.pause(0, false);
  EXPECT_THAT(asked(plan.next(10)), ElementsAre(At{0, high}, At{0, normal}, At{0, low}));
}

TEST(FetchPlanTest, GivesNoTurnsToAPausedQueue) {
  FetchPlan plan({1000, 1}, QueueOrder::weighted);
  Streams redis{{{{0, high}, endless}, {{1, high}, endless}}, {}};
  redis.serve(plan, plan.next(10));
  plan.pause(0, true);
  const std::size_t before = redis.taken[0];
  for (int i = 0; i < 10; ++i) redis.serve(plan, plan.next(10));
  EXPECT_EQ(redis.taken[0], before);
  EXPECT_GE(redis.taken[1], 100u);
}

TEST(FetchPlanTest, KeepsTheSharesWhileQueuesComeAndGo) {
  FetchPlan plan({2, 1, 1}, QueueOrder::weighted);
  Streams redis{{{{0, high}, endless}, {{1, high}, endless}}, {}};
  for (int i = 0; i < 4000; ++i) {
    if (i % 20 == 0) redis.waiting[{2, high}] += 20;  // two answers, then empty
    if (i % 1000 == 100) plan.pause(0, true);
    if (i % 1000 == 200) plan.pause(0, false);
    redis.serve(plan, plan.next(10));
  }
  const auto taken = [&](std::uint32_t queue) { return static_cast<double>(redis.taken[queue]); };
  EXPECT_EQ(taken(2), 20 * 200) << "asks for less than its share and gets it all";
  // 400 of 4000 turns fall into the pauses, when queue 1 is alone with queue 2.
  EXPECT_NEAR(taken(0) / (taken(0) + taken(1)), 0.9 * 2 / 3, 0.02);
}

TEST(FetchPlanTest, SaysWhetherItExpectsMore) {
  FetchPlan plan({1, 1}, QueueOrder::weighted);
  Streams redis;
  EXPECT_FALSE(plan.any_more()) << "nothing is known yet";
  redis.waiting[{1, normal}] = 15;
  redis.serve(plan, plan.next(10));  // five of each queue
  EXPECT_TRUE(plan.any_more());
  plan.pause(1, true);
  EXPECT_FALSE(plan.any_more());
  plan.pause(1, false);
  redis.serve(plan, plan.next(20));
  EXPECT_FALSE(plan.any_more()) << "the last answer was not full";
}

TEST(FetchPlanTest, WhatWaitsInTheLastStreamDoesNotWaitBehindEmptyOnes) {
  FetchPlan plan({1}, QueueOrder::weighted);
  const Fetch first = plan.next(10);
  EXPECT_TRUE(plan.split(first).others.block) << "nothing is known to wait";
  EXPECT_TRUE(plan.split(first).more.streams.empty());
  const std::vector<std::size_t> found{0, 0, first.count};
  plan.report(first, found);
  const Fetch second = plan.next(10);
  const auto [others, more] = plan.split(second);
  ASSERT_EQ(more.streams.size(), 1u);
  EXPECT_EQ(more.streams[0].priority, Priority::low);
  EXPECT_EQ(others.streams.size(), 2u);
  EXPECT_FALSE(others.block);
  EXPECT_FALSE(more.block);
}

}  // namespace
}  // namespace ferry::detail
