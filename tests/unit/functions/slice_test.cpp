#include "functions/slice.hpp"

#include <gtest/gtest.h>

namespace ferry {
namespace {

TEST(Slice, BeginsSmallBecauseNothingIsKnownYet) {
  EXPECT_LE(Slice{}.elements() * 64 * 1024, Slice::bytes_wanted);
}

TEST(Slice, TakesAsManyAsFillItsBytesAndAtMostTheFunctionsLimit) {
  Slice slice;
  slice.expect(16 * 32 * 1024, 16);
  EXPECT_EQ(slice.elements(), 32u);
  slice.expect(32 * 200, 32);
  EXPECT_EQ(slice.elements(), Slice::max_elements);
}

TEST(Slice, TakesOneOfThoseThatAreLargerThanItsBytes) {
  Slice slice;
  slice.expect(16 * Slice::bytes_wanted * 2, 16);
  EXPECT_EQ(slice.elements(), 1u);
}

TEST(Slice, OfNothingKnownAboutSizesIsTheFunctionsLimit) {
  Slice slice;
  slice.expect(0, 16);
  EXPECT_EQ(slice.elements(), Slice::max_elements);
  slice.expect(100, 0);
  EXPECT_EQ(slice.elements(), Slice::max_elements);
}

}  // namespace
}  // namespace ferry
