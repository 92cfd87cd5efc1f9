#include "batching/patience.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr Time start{1000h};

TEST(PatienceTest, LastsAnHourFromTheFirstSight) {
  Patience patience;
  EXPECT_TRUE(patience.lasts("0:1:5-0", start));
  EXPECT_TRUE(patience.lasts("0:1:5-0", start + 59min));
  EXPECT_TRUE(patience.lasts("0:1:6-0", start + 59min)) << "each has its own hour";
  EXPECT_FALSE(patience.lasts("0:1:5-0", start + 60min));
  EXPECT_TRUE(patience.lasts("0:1:6-0", start + 60min));
  EXPECT_EQ(patience.remembered(), 1u) << "what is given up is forgotten";
}

TEST(PatienceTest, RemembersABoundedNumber) {
  Patience patience;
  for (std::size_t i = 0; i < 3 * Patience::most; ++i) {
    EXPECT_TRUE(patience.lasts(std::to_string(i), start));
    ASSERT_LE(patience.remembered(), Patience::most);
  }
}

TEST(PatienceTest, ForgetsFirstWhatItHasNotSeenForLong) {
  Patience patience;
  for (std::size_t i = 0; i < Patience::most - 1; ++i) patience.lasts(std::to_string(i), start);
  patience.lasts("young", start + 40min);
  patience.lasts("one more", start + 41min);
  EXPECT_EQ(patience.remembered(), 2u);
  EXPECT_FALSE(patience.lasts("young", start + 101min)) << "its hour has gone on";
}

}  // namespace
}  // namespace ferry::detail
