#include "flow/mix/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "flow/mix/generate.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

Mix mix_with(std::vector<MixKind> kinds) {
  Mix mix;
  mix.seed = 5;
  mix.kinds = std::move(kinds);
  return mix;
}

MixKind steady(std::size_t jobs, double per_second) {
  MixKind kind;
  kind.jobs = jobs;
  kind.per_second = per_second;
  return kind;
}

TEST(FlowScheduleTest, HasEveryJobOnceInTheOrderOfTime) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Mix mix = generate(seed);
    const auto schedule = schedule_of(mix);
    EXPECT_EQ(schedule.size(), mix.jobs());
    EXPECT_TRUE(std::ranges::is_sorted(schedule, {}, &PlannedJob::at));
    std::map<std::uint32_t, std::size_t> jobs;
    for (const PlannedJob& job : schedule) ++jobs[job.kind];
    for (const auto& [kind, count] : jobs) EXPECT_EQ(count, mix.kinds[kind].jobs) << seed;
    EXPECT_EQ(schedule, schedule_of(mix));
  }
}

TEST(FlowScheduleTest, ComesAtItsRate) {
  const auto schedule = schedule_of(mix_with({steady(10'000, 1000)}));
  EXPECT_NEAR(seconds_of(schedule.back().at), 10, 0.5);
  std::size_t in_first_half = 0;
  for (const PlannedJob& job : schedule) in_first_half += job.at < 5s ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(in_first_half), 5000, 300);
}

TEST(FlowScheduleTest, HandsOverInPortionsBurstsOrAllAtOnce) {
  MixKind portions = steady(100, 100);
  portions.portion = 10;
  MixKind bursts = steady(100, 40);
  bursts.arrivals = Arrivals::bursts;
  MixKind bulk = steady(100, 0);
  bulk.arrivals = Arrivals::bulk;
  bulk.from = 3s;
  const auto schedule = schedule_of(mix_with({portions, bursts, bulk}));
  std::map<std::uint32_t, std::map<std::uint32_t, std::size_t>> sizes;
  std::map<std::uint32_t, std::set<Moment>> times;
  for (const PlannedJob& job : schedule) {
    ++sizes[job.kind][job.portion];
    times[job.kind].insert(job.at);
  }
  EXPECT_EQ(sizes[0].size(), 10u);
  EXPECT_EQ(sizes[0][3], 10u);
  EXPECT_EQ(sizes[1], (std::map<std::uint32_t, std::size_t>{{0, 40}, {1, 40}, {2, 20}}));
  EXPECT_EQ(times[1], (std::set<Moment>{0s, 1s, 2s}));
  EXPECT_EQ(times[2], (std::set<Moment>{3s}));
}

TEST(FlowScheduleTest, DrawsPrioritiesDelaysAndKeysInTheirShares) {
  MixKind kind = steady(10'000, 1000);
  kind.high_percent = 10;
  kind.low_percent = 30;
  kind.delayed_percent = 50;
  kind.delay = 300ms;
  kind.batch_keys = 10;
  MixKind zipf = kind;
  zipf.zipf = true;
  const auto schedule = schedule_of(mix_with({kind, zipf}));
  std::map<Priority, double> priorities;
  std::map<std::uint32_t, std::map<std::uint32_t, double>> keys;
  double delayed = 0;
  for (const PlannedJob& job : schedule) {
    ++keys[job.kind][job.key];
    if (job.kind != 0) continue;
    ++priorities[job.priority];
    if (job.due.count() == 0) continue;
    EXPECT_EQ(job.due, job.at + 300ms);
    ++delayed;
  }
  EXPECT_NEAR(priorities[Priority::high], 1000, 150);
  EXPECT_NEAR(priorities[Priority::low], 3000, 250);
  EXPECT_NEAR(delayed, 5000, 300);
  EXPECT_EQ(keys[0].size(), 10u);
  EXPECT_FALSE(keys[0].contains(0));
  EXPECT_NEAR(keys[0][1], 1000, 150);
  EXPECT_NEAR(keys[1][1] / keys[1][10], 10, 3);
}

TEST(FlowScheduleTest, DoesNotChangeForAKindWhenOthersChange) {
  const auto of_second = [](std::vector<MixKind> kinds) {
    auto schedule = schedule_of(mix_with(std::move(kinds)));
    std::erase_if(schedule, [](const PlannedJob& job) { return job.kind != 1; });
    return schedule;
  };
  const auto expected = of_second({steady(10, 30), steady(100, 50)});
  EXPECT_EQ(of_second({steady(70, 30), steady(100, 50)}), expected);
  EXPECT_EQ(of_second({steady(10, 30), steady(100, 50), steady(10, 10)}), expected);
}

TEST(FlowScheduleTest, LetsAllJobsComeDueTogether) {
  MixKind kind = steady(20, 10);
  kind.all_due_at = 7s;
  for (const PlannedJob& job : schedule_of(mix_with({kind}))) EXPECT_EQ(job.due, 7s);
}

}  // namespace
}  // namespace ferry::flow
