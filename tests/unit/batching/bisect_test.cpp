#include "batching/bisect.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <numeric>
#include <set>
#include <vector>

namespace ferry::detail {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Trial {
  std::size_t runs = 0;
  std::multiset<std::size_t> done;
  std::multiset<std::size_t> charged;
};

/// Runs a batch with a handler that throws when a poison job is in it, until all is said.
Trial run(std::size_t jobs, const std::set<std::size_t>& poison, bool idempotent) {
  Trial trial;
  std::vector<std::size_t> all(jobs);
  std::iota(all.begin(), all.end(), 0);
  std::deque<std::vector<std::size_t>> groups{all};
  while (!groups.empty()) {
    const std::vector<std::size_t> group = groups.front();
    groups.pop_front();
    ++trial.runs;
    bool threw = false;
    for (const std::size_t job : group) threw = threw || poison.contains(job);
    if (!threw) {
      trial.done.insert(group.begin(), group.end());
      continue;
    }
    const auto next = after_throw(group, idempotent);
    if (next.empty()) trial.charged.insert(group.begin(), group.end());
    groups.insert(groups.end(), next.begin(), next.end());
  }
  return trial;
}

TEST(BisectTest, HalvesAnIdempotentGroup) {
  EXPECT_THAT(after_throw({3, 5, 6, 9}, true), ElementsAre(ElementsAre(3, 5), ElementsAre(6, 9)));
  EXPECT_THAT(after_throw({3, 5, 6}, true), ElementsAre(ElementsAre(3), ElementsAre(5, 6)));
}

TEST(BisectTest, GivesJobsThatMustNotRunTwiceOneByOne) {
  EXPECT_THAT(after_throw({3, 5, 6}, false),
              ElementsAre(ElementsAre(3), ElementsAre(5), ElementsAre(6)));
}

TEST(BisectTest, FindsTheLastOneGuilty) {
  EXPECT_THAT(after_throw({7}, true), IsEmpty());
  EXPECT_THAT(after_throw({7}, false), IsEmpty());
  EXPECT_THAT(after_throw({}, true), IsEmpty());
}

TEST(BisectTest, FindsPoisonAmongSixtyFourJobsInFewRuns) {
  struct Case {
    std::set<std::size_t> poison;
    std::size_t runs;  ///< nodes of the binary tree on the ways to the poison, and their siblings
  };
  for (const Case& c : {Case{{17}, 13}, Case{{0, 63}, 23}, Case{{20, 21}, 13},
                        Case{{0, 16, 32, 48}, 39}, Case{{60, 61, 62, 63}, 15}}) {
    const Trial trial = run(64, c.poison, true);
    EXPECT_EQ(trial.runs, c.runs);
    EXPECT_EQ(trial.charged, std::multiset<std::size_t>(c.poison.begin(), c.poison.end()));
    EXPECT_EQ(trial.done.size(), 64 - c.poison.size()) << "each good job is done once";
    EXPECT_EQ(std::set<std::size_t>(trial.done.begin(), trial.done.end()).size(),
              64 - c.poison.size());
  }
}

TEST(BisectTest, ChargesOnlyTheGuiltyWhenJobsRunOneByOne) {
  const Trial trial = run(64, {1, 30}, false);
  EXPECT_EQ(trial.runs, 65u);
  EXPECT_THAT(trial.charged, ElementsAre(1, 30));
  EXPECT_EQ(trial.done.size(), 62u);
}

}  // namespace
}  // namespace ferry::detail
