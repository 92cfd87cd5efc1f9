#include "stages/unknown_kinds.hpp"

#include <gmock/gmock.h>

namespace ferry::detail {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(UnknownKindsTest, AreToldOnceEach) {
  UnknownKinds unknown{UnknownKind::waits};
  EXPECT_TRUE(unknown.wait("a.b-c_D9"));
  EXPECT_TRUE(unknown.wait("other"));
  EXPECT_TRUE(unknown.wait("other"));
  EXPECT_THAT(unknown.take_new(), ElementsAre("a.b-c_D9", "other"));
  EXPECT_TRUE(unknown.wait("other"));
  EXPECT_THAT(unknown.take_new(), IsEmpty());
}

TEST(UnknownKindsTest, DoNotWaitWhereTheyHaveNoNameOrAreTooMany) {
  UnknownKinds unknown{UnknownKind::waits};
  for (const auto& kind : {std::string(), std::string(65, 'k'), std::string("a b"),
                           std::string("a\0b", 3), std::string("\xc3\xa4"), std::string("~free")}) {
    EXPECT_FALSE(unknown.wait(kind)) << kind;
  }
  for (std::size_t i = 0; i < UnknownKinds::most; ++i) {
    EXPECT_TRUE(unknown.wait("k" + std::to_string(i)));
  }
  EXPECT_FALSE(unknown.wait("one_more"));
  EXPECT_TRUE(unknown.wait("k7"));
}

TEST(UnknownKindsTest, NeverWaitWhereTheWorkerSaysSo) {
  UnknownKinds unknown{UnknownKind::dead_letter};
  EXPECT_FALSE(unknown.wait("a"));
  EXPECT_THAT(unknown.take_new(), IsEmpty());
}

}  // namespace
}  // namespace ferry::detail
