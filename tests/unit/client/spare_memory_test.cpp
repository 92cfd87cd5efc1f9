#include "client/spare_memory.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

std::string of_size(std::size_t bytes) { return std::string(bytes, 'x'); }

TEST(SpareMemoryTest, GivesWhatItGotEmptied) {
  SpareMemory spare;
  std::string memory = of_size(30'000);
  const char* where = memory.data();
  spare.give(std::move(memory));
  const std::string taken = spare.take(27'000);
  EXPECT_EQ(taken.data(), where);
  EXPECT_TRUE(taken.empty());
  EXPECT_GE(taken.capacity(), 27'000u);
  EXPECT_LT(spare.take(27'000).capacity(), 1000u) << "there is no other";
}

TEST(SpareMemoryTest, GivesNothingThatIsTooSmallOrMuchTooLarge) {
  SpareMemory spare;
  spare.give(of_size(30'000));
  EXPECT_LT(spare.take(40'000).capacity(), 1000u);
  EXPECT_LT(spare.take(200).capacity(), 1000u) << "a small envelope would keep it all";
  EXPECT_GE(spare.take(30'000).capacity(), 30'000u);
}

TEST(SpareMemoryTest, KeepsSomeMegabytes) {
  SpareMemory spare;
  for (int i = 0; i < 200; ++i) spare.give(of_size(32 * 1024));
  std::size_t kept = 0;
  while (spare.take(32 * 1024).capacity() >= 32 * 1024) ++kept;
  EXPECT_GE(kept, 120u);
  EXPECT_LE(kept, 128u);
}

}  // namespace
}  // namespace ferry::detail
