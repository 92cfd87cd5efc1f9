#include "compare/pareto.hpp"

#include <gmock/gmock.h>

namespace ferry::compare {
namespace {

using ::testing::ElementsAre;
using Settings = std::vector<Tradeoff>;

TEST(ParetoTest, MarksWhatAnotherSettingBeatsInBoth) {
  EXPECT_THAT(dominated(Settings{{1, 10}, {2, 5}, {2, 6}, {3, 12}, {4, 1}}),
              ElementsAre(false, false, true, true, false));
}

TEST(ParetoTest, KeepsEqualSettings) {
  EXPECT_THAT(dominated(Settings{{1, 10}, {1, 10}, {1, 11}}), ElementsAre(false, false, true));
  EXPECT_THAT(dominated(Settings{}), ElementsAre());
}

TEST(ParetoTest, FindsTheKneeFarthestBelowTheChord) {
  EXPECT_EQ(knee(Settings{{100, 1}, {10, 2}, {9, 50}, {1, 100}, {50, 90}}), 1U);
}

TEST(ParetoTest, KnowsNoKneeOfTwoSettingsOrOfALine) {
  EXPECT_FALSE(knee(Settings{{100, 1}, {1, 100}}).has_value());
  EXPECT_FALSE(knee(Settings{{100, 1}, {10, 10}, {1, 100}}).has_value());
  EXPECT_FALSE(knee(Settings{{100, 1}, {20, 60}, {1, 100}}).has_value()) << "above the chord";
}

}  // namespace
}  // namespace ferry::compare
