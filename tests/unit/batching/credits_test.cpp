#include "batching/credits.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

TEST(CreditsTest, AddUpToTheTotalWhateverIsTaken) {
  Credits credits(100, 1000);
  credits.take(30, 500);
  credits.take(60, 100);
  credits.give(10, 50);
  EXPECT_EQ(credits.out_jobs(), 80);
  EXPECT_EQ(credits.free_jobs(), 20);
  EXPECT_EQ(credits.free_jobs() + credits.out_jobs(), credits.total_jobs());
  EXPECT_EQ(credits.out_bytes(), 550);
  EXPECT_EQ(credits.free_bytes() + credits.out_bytes(), credits.total_bytes());
}

TEST(CreditsTest, GoIntoDebtUntilEnoughCameBack) {
  Credits credits(10, 1'000'000);
  credits.take(9, 1);
  EXPECT_TRUE(credits.any_free());
  credits.take(25, 1);
  EXPECT_EQ(credits.free_jobs(), -24);
  EXPECT_FALSE(credits.any_free());
  credits.give(24, 1);
  EXPECT_FALSE(credits.any_free()) << "the debt is paid, but nothing is free";
  credits.give(1, 1);
  EXPECT_TRUE(credits.any_free());
}

TEST(CreditsTest, AreUsedUpByBytesAlone) {
  Credits credits(1000, 100);
  credits.take(1, 100);
  EXPECT_FALSE(credits.any_free());
  credits.give(1, 100);
  EXPECT_TRUE(credits.any_free());
}

}  // namespace
}  // namespace ferry::detail
