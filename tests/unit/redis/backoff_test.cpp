#include "redis/backoff.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ferry::redis {
namespace {

using std::chrono::milliseconds;

TEST(ReconnectBackoffTest, StaysBelowABoundThatDoublesUpToTheCap) {
  std::vector<milliseconds> longest(10);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    ReconnectBackoff backoff(milliseconds{20}, milliseconds{2000}, seed);
    milliseconds bound{20};
    for (milliseconds& most : longest) {
      const milliseconds wait = backoff.next();
      EXPECT_GE(wait, milliseconds{1});
      EXPECT_LE(wait, bound);
      most = std::max(most, wait);
      bound = std::min(bound * 2, milliseconds{2000});
    }
  }
  // Full jitter uses the whole range: among 2000 tries some come near each bound.
  EXPECT_GE(longest[0], milliseconds{19});
  EXPECT_GE(longest[3], milliseconds{150});
  EXPECT_GE(longest[9], milliseconds{1900});
}

TEST(ReconnectBackoffTest, BeginsAgainAfterAReset) {
  ReconnectBackoff backoff(milliseconds{20}, milliseconds{2000}, 1);
  for (int i = 0; i < 20; ++i) backoff.next();
  backoff.reset();
  EXPECT_LE(backoff.next(), milliseconds{20});
}

TEST(ReconnectBackoffTest, StaysAtTheCapForEver) {
  ReconnectBackoff backoff(milliseconds{20}, milliseconds{50}, 1);
  for (int i = 0; i < 100'000; ++i) ASSERT_LE(backoff.next(), milliseconds{50});
}

TEST(ReconnectBackoffTest, DiffersBetweenClients) {
  ReconnectBackoff one(milliseconds{1000}, milliseconds{1'000'000}, 1);
  ReconnectBackoff other(milliseconds{1000}, milliseconds{1'000'000}, 2);
  int equal = 0;
  for (int i = 0; i < 10; ++i) equal += one.next() == other.next();
  EXPECT_LT(equal, 3);
}

}  // namespace
}  // namespace ferry::redis
