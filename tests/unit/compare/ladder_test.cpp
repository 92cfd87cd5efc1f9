#include "compare/ladder.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace ferry::compare {
namespace {

using ::testing::ElementsAre;

TEST(LadderTest, GoesFromLittleToTooMuch) {
  EXPECT_THAT(rates_below_and_beyond(10'000),
              ElementsAre(500, 1000, 2500, 5000, 7500, 9000, 11000));
  EXPECT_THAT(rates_below_and_beyond(873), ElementsAre(44, 87, 220, 440, 650, 790, 960));
}

TEST(LadderTest, LeavesOutWhatIsFarBeyondAPolicy) {
  const std::vector<double> rates{100, 200, 400, 800};
  const std::vector<double> capacities{250, 1000, 0};
  EXPECT_THAT(rungs_of(rates, capacities),
              ElementsAre(Rung{0, 100}, Rung{0, 200}, Rung{0, 400}, Rung{1, 100}, Rung{1, 200},
                          Rung{1, 400}, Rung{1, 800}, Rung{2, 100}, Rung{2, 200}, Rung{2, 400},
                          Rung{2, 800}));
}

TEST(LadderTest, ShufflesByTheSeedAndTheRepetition) {
  const std::vector<double> rates{1, 2, 3, 4, 5, 6, 7, 8};
  const auto rungs = rungs_of(rates, std::vector<double>{0, 0});
  EXPECT_EQ(shuffled(rungs, 7, 1), shuffled(rungs, 7, 1));
  EXPECT_NE(shuffled(rungs, 7, 1), shuffled(rungs, 7, 2));
  EXPECT_NE(shuffled(rungs, 7, 1), shuffled(rungs, 8, 1));
  EXPECT_THAT(shuffled(rungs, 7, 1), ::testing::UnorderedElementsAreArray(rungs));
}

}  // namespace
}  // namespace ferry::compare
