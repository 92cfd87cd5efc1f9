#include "client/envelope_sizes.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

TEST(EnvelopeSizesTest, ReadsTheHintsOfAQueue) {
  const EnvelopeSizes sizes("send_mail=2 index.file=20 a=1000");
  EXPECT_DOUBLE_EQ(sizes.part_of("send_mail"), 0.5);
  EXPECT_DOUBLE_EQ(sizes.part_of("index.file"), 0.05);
  EXPECT_DOUBLE_EQ(sizes.part_of("a"), 0.001);
  EXPECT_DOUBLE_EQ(sizes.part_of("other"), 0);
  EXPECT_DOUBLE_EQ(sizes.part_of(""), 0);
}

TEST(EnvelopeSizesTest, PassesOverWhatHasAnotherForm) {
  const EnvelopeSizes sizes("a=0 b=1001 c=x d= =3 e 7 f=-1 g=99999999999999999999  h=4 ");
  for (const char* kind : {"a", "b", "c", "d", "e", "f", "g", "7"}) {
    EXPECT_DOUBLE_EQ(sizes.part_of(kind), 0) << kind;
  }
  EXPECT_DOUBLE_EQ(sizes.part_of("h"), 0.25);
  EXPECT_DOUBLE_EQ(EnvelopeSizes("").part_of("a"), 0);
}

}  // namespace
}  // namespace ferry::detail
