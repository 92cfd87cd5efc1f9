#include "flow/score/give_backs.hpp"

#include <gtest/gtest.h>

namespace ferry::flow {
namespace {

TEST(FlowGiveBacksTest, CountsThoseOfAJobInItsLifeAndInASecond) {
  struct Case {
    const char* what;
    std::vector<GivenBack> given_back;
    std::int64_t most;
    std::int64_t in_a_second;
  };
  for (const Case& one : {Case{"none", {}, 0, 0}, Case{"one each", {{1, 0}, {2, 0}, {3, 0}}, 1, 1},
                          Case{"a second apart", {{1, 0}, {1, 1000}, {1, 2000}}, 3, 1},
                          Case{"within a second", {{1, 0}, {1, 999}, {1, 2000}}, 3, 2},
                          Case{"in any order", {{1, 2500}, {2, 10}, {1, 0}, {1, 2000}}, 3, 2},
                          Case{"of the same second", {{1, 5000}, {1, 5000}}, 2, 2}}) {
    const GiveBacks found = count_give_backs(one.given_back);
    EXPECT_EQ(found.most, one.most) << one.what;
    EXPECT_EQ(found.most_in_a_second, one.in_a_second) << one.what;
    EXPECT_EQ(found.all, static_cast<std::int64_t>(one.given_back.size())) << one.what;
  }
}

TEST(FlowGiveBacksTest, ReadsWhatWasSetAsideFromTheServersLog) {
  test::Traced whole;
  whole.unix_s = 7;
  whole.words = {"FCALL", "ferry_v1_set_aside", "2", "workers", "stream", "w", "~free", "1-0", "3"};
  whole.size = whole.words.size();
  test::Traced cut = whole;
  cut.words.push_back("... (4 more arguments)");
  cut.size = whole.size + 4;
  test::Traced other = whole;
  other.words[1] = "ferry_v1_release";
  std::int64_t not_seen = 0;
  const auto found = set_aside_by(std::vector<test::Traced>{whole, cut, other}, not_seen);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].stream, "stream");
  EXPECT_EQ(found[0].entry, "1-0");
  EXPECT_EQ(found[0].unix_s, 7);
  EXPECT_EQ(not_seen, 2);
}

}  // namespace
}  // namespace ferry::flow
