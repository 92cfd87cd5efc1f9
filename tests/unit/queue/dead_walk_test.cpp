#include "queue/dead_walk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <set>

namespace ferry::detail {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The sorted set of dead letters, and a walk over it that takes letters out or leaves them.
class DeadLetters {
 public:
  void die(const std::string& name, double at) {
    take(name);
    died_at_[name] = at;
    ordered_.emplace(at, name);
  }
  void take(const std::string& name) {
    if (const auto at = time_of(name)) ordered_.erase({*at, name});
    died_at_.erase(name);
  }
  std::size_t size() const { return died_at_.size(); }

  std::vector<DeadName> page(std::int64_t rank, std::size_t most) const {
    std::vector<DeadName> page;
    if (rank >= static_cast<std::int64_t>(ordered_.size())) return page;
    for (auto at = std::next(ordered_.begin(), rank); at != ordered_.end(); ++at) {
      if (page.size() == most) break;
      page.push_back({at->second, at->first});
    }
    return page;
  }

  std::optional<std::pair<std::int64_t, double>> find(const std::string& name) const {
    const auto at = time_of(name);
    if (!at) return std::nullopt;
    const auto found = ordered_.find({*at, name});
    return std::pair{static_cast<std::int64_t>(std::distance(ordered_.begin(), found)), *at};
  }

  std::optional<double> time_of(const std::string& name) const {
    const auto found = died_at_.find(name);
    if (found == died_at_.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::map<std::string, double> died_at_;
  std::set<std::pair<double, std::string>> ordered_;
};

/// Walks to the end.
///
/// Returns: how often each letter was handed out.
std::map<std::string, int> walk_all(
    DeadLetters& letters, DeadWalk& walk, std::size_t page_size,
    const std::function<void(const std::string&)>& act,
    const std::function<void()>& meanwhile = [] {}) {
  std::map<std::string, int> seen;
  for (int turn = 0; !walk.over(); ++turn) {
    if (turn > 100'000) ADD_FAILURE() << "the walk does not end";
    if (turn > 100'000) break;
    std::optional<std::int64_t> rank;
    while (!rank) {
      const std::string* anchor = walk.anchor();
      rank = walk.begin(anchor == nullptr ? std::nullopt : letters.find(*anchor));
    }
    for (const std::string& name : walk.take(letters.page(*rank, page_size))) {
      ++seen[name];
      act(name);
    }
    meanwhile();
    std::vector<std::optional<double>> times;
    for (const DeadName& one : walk.page()) times.push_back(letters.time_of(one.name));
    walk.settle(times);
  }
  return seen;
}

TEST(DeadWalkTest, EndsAtOnceWhereNothingIsDead) {
  DeadLetters letters;
  DeadWalk none(1000, 0);
  EXPECT_TRUE(none.over());
  DeadWalk gone(1000, 5);  // others were faster
  EXPECT_THAT(walk_all(letters, gone, 100, [](const std::string&) {}), IsEmpty());
}

TEST(DeadWalkTest, LeavesOutNoneAndTakesEachOnceWhileTheyDieAgain) {
  for (const std::size_t page_size : {1, 7, 100, 5000}) {
    for (const bool same_moment : {false, true}) {
      DeadLetters letters;
      for (int i = 0; i < 400; ++i) {
        letters.die("letter" + std::to_string(i), same_moment ? 500 : 10 + i / 3);
      }
      DeadWalk walk(1000, 400);
      double now = 1000;  // the first ones die again in the moment in which the walk began
      int number = 0;
      const auto seen = walk_all(letters, walk, page_size, [&](const std::string& name) {
        ++number;
        if (number > 20) now += 0.5;
        letters.take(name);
        if (number % 4 != 0) letters.die(name, std::floor(now));  // a worker is at it meanwhile
      });
      EXPECT_EQ(seen.size(), 400u) << page_size;
      for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name << ' ' << page_size;
      EXPECT_EQ(letters.size(), 300u);
    }
  }
}

TEST(DeadWalkTest, GoesPastThoseThatStay) {
  for (const std::size_t page_size : {1, 3, 100}) {
    DeadLetters letters;
    for (int i = 0; i < 500; ++i) letters.die("letter" + std::to_string(i), i / 10);
    DeadWalk walk(1000, 500);
    const auto seen = walk_all(letters, walk, page_size, [&](const std::string& name) {
      if (name.back() != '7' && name.back() != '8') letters.take(name);
    });
    EXPECT_EQ(seen.size(), 500u);
    for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name;
    EXPECT_EQ(letters.size(), 100u);
  }
}

TEST(DeadWalkTest, TellsWhichOnesStayed) {
  DeadWalk walk(1000, 3);
  EXPECT_EQ(walk.begin(std::nullopt), 0);
  EXPECT_THAT(walk.take({{"a", 1}, {"b", 2}, {"c", 3}}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(walk.settle({std::nullopt, 2.0, 1500.0}), ElementsAre("b")) << "c died again";
  ASSERT_NE(walk.anchor(), nullptr);
  EXPECT_EQ(*walk.anchor(), "b");
  EXPECT_EQ(walk.begin(std::pair{0, 2.0}), 1);
}

TEST(DeadWalkTest, FindsItsPlaceWhenOthersTakeAwayWhatItLeft) {
  DeadLetters letters;
  for (int i = 0; i < 300; ++i) letters.die("letter" + std::to_string(1000 + i), i);
  DeadWalk walk(1000, 300);
  std::set<std::string> left;
  const auto seen = walk_all(
      letters, walk, 10,
      [&](const std::string& name) {
        if (name.back() == '5') {
          left.insert(name);
        } else {
          letters.take(name);
        }
      },
      [&] {  // somebody else takes the last that was left, or lets it die again
        if (left.size() % 3 == 0 || left.empty()) return;
        const std::string last = *left.rbegin();
        letters.take(last);
        if (left.size() % 3 == 2) letters.die(last, 5000);
        left.erase(last);
      });
  EXPECT_EQ(seen.size(), 300u);
}

TEST(DeadWalkTest, TakesNoneTwiceThoughOthersTakeLettersAway) {
  DeadLetters letters;
  for (int i = 0; i < 100; ++i) letters.die("letter" + std::to_string(1000 + i), i);
  DeadWalk walk(1000, 100);
  const auto seen = walk_all(letters, walk, 10, [&](const std::string& name) {
    letters.die(name, 1000);  // again, in the very millisecond in which the walk began
    letters.take("letter1050");
    for (int i = 60; i < 90; ++i) letters.take("letter" + std::to_string(1000 + i));
  });
  EXPECT_EQ(seen.size(), 69u);
  for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name;
}

TEST(DeadWalkTest, LeavesLaterOnesAlone) {
  DeadLetters letters;
  letters.die("before", 10);
  letters.die("at", 1000);
  letters.die("after", 1001);
  letters.die("far", 1e300);
  DeadWalk walk(1000, 4);
  const auto seen =
      walk_all(letters, walk, 10, [&](const std::string& name) { letters.take(name); });
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_EQ(letters.size(), 2u);
}

// When the clock was put back, what dies again lies before the end of the walk.
TEST(DeadWalkTest, EndsThoughTheClockWasPutBack) {
  DeadLetters letters;
  for (int i = 0; i < 100; ++i) letters.die("letter" + std::to_string(i), 500 + i);
  DeadWalk walk(1000, 100);
  int acts = 0;
  walk_all(letters, walk, 10, [&](const std::string& name) {
    ++acts;
    letters.die(name, 700);
  });
  EXPECT_EQ(acts, 100);
}

}  // namespace
}  // namespace ferry::detail
