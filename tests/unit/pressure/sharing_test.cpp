#include "pressure/sharing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

std::size_t sum(const std::vector<std::size_t>& pieces) {
  return std::accumulate(pieces.begin(), pieces.end(), std::size_t{0});
}

TEST(SharingTest, GivesAwayWhatIsMoreThanAnEqualShare) {
  const auto pieces = pieces_to_share(200, 200, 50ms, 1, 4);
  EXPECT_EQ(sum(pieces), 150u);
  EXPECT_GE(pieces.size(), 6u) << "each of the others finds two at least";
  EXPECT_LE(pieces.front(), 20u) << "a piece takes a second at most";
}

TEST(SharingTest, KeepsEverythingWhereThereIsNobodyOrLittleToGive) {
  EXPECT_TRUE(pieces_to_share(200, 200, 50ms, 1, 1).empty()) << "alone";
  EXPECT_TRUE(pieces_to_share(200, 200, 50ms, 1, 0).empty()) << "nobody knows of others";
  EXPECT_TRUE(pieces_to_share(1, 1, 50ms, 1, 4).empty()) << "done in a moment";
  EXPECT_TRUE(pieces_to_share(0, 0, 50ms, 1, 4).empty());
  EXPECT_TRUE(pieces_to_share(100, 1, 5s, 1, 4).empty()) << "one batch";
}

TEST(SharingTest, JobsOfSecondsGoOneByOne) {
  const auto pieces = pieces_to_share(100, 100, 2s, 1, 4);
  EXPECT_EQ(sum(pieces), 75u);
  EXPECT_EQ(pieces.front(), 1u);
}

TEST(SharingTest, NoPieceIsSmallerThanABatch) {
  for (const std::size_t piece : pieces_to_share(1000, 10, 5s, 1, 4)) EXPECT_GE(piece, 50u);
  EXPECT_EQ(pieces_to_share(1000, 10, 5s, 1, 4).front(), 100u);
}

TEST(SharingTest, JobsOfManyBatchKeysGoAsTheRunsThatTheyAre) {
  const auto pieces = pieces_to_share(26, 26, 55ms, 3, 3);
  EXPECT_EQ(sum(pieces), 17u);
  EXPECT_EQ(pieces.front(), 5u);
}

TEST(SharingTest, GivesAwayNoMoreThanThereIsForAnyMix) {
  for (std::size_t waiting = 1; waiting < 3000; waiting = waiting * 3 / 2 + 1) {
    for (const auto per_job : {1ms, 5ms, 50ms, 2000ms}) {
      for (const std::size_t workers : {2, 3, 10, 1000}) {
        for (const std::size_t batch : {1, 7, 500}) {
          const std::size_t runs = (waiting + batch - 1) / batch;
          const auto pieces = pieces_to_share(waiting, runs, per_job * batch, 3, workers);
          EXPECT_LT(sum(pieces), waiting);
          EXPECT_EQ(std::ranges::count(pieces, std::size_t{0}), 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace ferry::detail
