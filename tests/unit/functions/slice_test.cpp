#include "functions/slice.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <vector>

namespace ferry {
namespace {

using Sizes = std::vector<std::int64_t>;

constexpr std::int64_t mib = 1024 * 1024;

TEST(SliceTest, IsAboutAMegabyteOrOneElement) {
  struct Case {
    Sizes sizes;
    std::size_t expected;
  };
  for (const Case& one : std::vector<Case>{{{}, 0},
                                           {{0}, 1},
                                           {{100, 100, 100}, 3},
                                           {{mib}, 1},
                                           {{mib, 1}, 1},
                                           {{1, mib}, 1},
                                           {{mib - 1, 1, 1}, 2},
                                           {{16 * mib, 16 * mib}, 1},
                                           {{1, 16 * mib, 1}, 1},
                                           {{0, 0, mib, 0}, 4},
                                           {{INT64_MAX, INT64_MAX}, 1},
                                           {{1, INT64_MAX, 1}, 1},
                                           {{-5, -5}, 2},
                                           {Sizes(1000, 10), slice_elements},
                                           {Sizes(1000, 33'000), 31},
                                           {Sizes(1000, 0), slice_elements}}) {
    EXPECT_EQ(slice_of(one.sizes), one.expected) << testing::PrintToString(one.sizes);
  }
  EXPECT_EQ(slice_of(Sizes(1000, 10), 7), 7u);
}

TEST(SliceTest, TakesEachElementOnceWhateverTheirSizes) {
  std::mt19937 random(14);
  for (int round = 0; round < 200; ++round) {
    Sizes sizes(random() % 300);
    for (auto& size : sizes) size = static_cast<std::int64_t>(random() % 8 == 0 ? random() : 500);
    std::size_t at = 0;
    while (at < sizes.size()) {
      const std::size_t count = slice_of(std::span(sizes).subspan(at));
      ASSERT_GT(count, 0u);
      const auto first = sizes.begin() + static_cast<std::ptrdiff_t>(at);
      const auto bytes =
          std::accumulate(first, first + static_cast<std::ptrdiff_t>(count), std::int64_t{0});
      EXPECT_TRUE(count == 1 || bytes <= slice_bytes);
      at += count;
    }
    EXPECT_EQ(at, sizes.size());
  }
}

TEST(StreamPaceTest, ReadsSmallOnesTogetherAndLargeOnesAlone) {
  StreamPace pace;
  EXPECT_FALSE(pace.reads_alone());
  pace.saw(1000, 500);
  EXPECT_FALSE(pace.reads_alone());
  pace.saw(slice_bytes);
  EXPECT_FALSE(pace.reads_alone()) << "one of just a megabyte may be read with others";
  pace.saw(slice_bytes + 1);
  EXPECT_TRUE(pace.reads_alone());
}

TEST(StreamPaceTest, GoesOnAloneUntilManySmallOnesCameInARow) {
  StreamPace pace;
  pace.saw(8 * mib);
  int alone = 0;
  for (; pace.reads_alone() && alone < 100; ++alone) pace.saw(100);
  EXPECT_EQ(alone, 16);
  pace.saw(8 * mib);
  for (int i = 0; i < 50; ++i) {  // large and small in turn
    pace.saw(i % 2 == 0 ? 100 : 8 * mib);
    EXPECT_TRUE(pace.reads_alone());
  }
}

TEST(StreamPaceTest, BeginsAloneWhereTheBooksSayThatEnvelopesAreLarge) {
  EXPECT_FALSE(StreamPace(0).reads_alone());
  EXPECT_FALSE(StreamPace(33'000).reads_alone());
  EXPECT_FALSE(StreamPace(-1).reads_alone());
  EXPECT_TRUE(StreamPace(4 * mib).reads_alone());
}

}  // namespace
}  // namespace ferry
