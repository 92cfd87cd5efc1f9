#include "ferry/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace ferry {
namespace {

TEST(HistogramTest, IsEmptyUntilSomethingIsRecorded) {
  Histogram histogram;
  histogram.record(7, 0);
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_EQ(histogram.at(0.99), 0u);
}

TEST(HistogramTest, EveryValueIsFoundWithinAThirtySecond) {
  std::vector<std::uint64_t> values;
  for (int bit = 0; bit <= 63; ++bit) {
    for (const int around : {-1, 0, 1}) {
      values.push_back((std::uint64_t{1} << bit) + static_cast<std::uint64_t>(around));
    }
  }
  std::mt19937_64 random(5);
  for (int i = 0; i < 10'000; ++i) values.push_back(random() >> (random() % 63 + 1));
  for (const std::uint64_t value : values) {
    if (value > std::uint64_t{1} << 63) continue;
    Histogram histogram;
    histogram.record(value);
    histogram.record(std::uint64_t{1} << 63);  // so that max() does not cap the answer
    const std::uint64_t found = histogram.at(0.5);
    EXPECT_GE(found, value);
    EXPECT_LE(found - value, value / 32) << value;
  }
}

TEST(HistogramTest, ValuesBelow64AreExact) {
  for (std::uint64_t value = 0; value < 64; ++value) {
    Histogram histogram;
    histogram.record(value);
    histogram.record(1000);
    EXPECT_EQ(histogram.at(0.5), value);
  }
}

TEST(HistogramTest, LargerValuesCountAsTheLargest) {
  Histogram histogram;
  histogram.record(~std::uint64_t{0});
  EXPECT_EQ(histogram.max(), std::uint64_t{1} << 63);
  EXPECT_EQ(histogram.at(1), std::uint64_t{1} << 63);
}

TEST(HistogramTest, QuantilesAreThoseOfTheSortedValues) {
  std::mt19937_64 random(11);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t value = random() % 1'000'000;
    values.push_back(value);
    histogram.record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double quantile : {0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = std::max<double>(1, std::ceil(quantile * 20'000));
    const std::uint64_t wanted = values[static_cast<std::size_t>(rank) - 1];
    EXPECT_GE(histogram.at(quantile), wanted) << quantile;
    EXPECT_LE(histogram.at(quantile), wanted + wanted / 32) << quantile;
  }
}

TEST(HistogramTest, NeverAnswersMoreThanTheMaximum) {
  Histogram histogram;
  histogram.record(1'000'001);
  EXPECT_EQ(histogram.at(0.5), 1'000'001u);
  EXPECT_EQ(histogram.at(2), 1'000'001u);
  EXPECT_EQ(histogram.at(-1), 1'000'001u);
}

TEST(HistogramTest, TakesValuesAndQuantilesOfEveryKind) {
  Histogram histogram;
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1} << 63, UINT64_MAX}) {
    histogram.record(value);
  }
  EXPECT_EQ(histogram.max(), std::uint64_t{1} << 63);
  EXPECT_EQ(histogram.at(1), std::uint64_t{1} << 63);
  const double none = std::numeric_limits<double>::quiet_NaN();
  const double endless = std::numeric_limits<double>::infinity();
  for (const double low : {none, -endless, -1.0, 0.0}) EXPECT_EQ(histogram.at(low), 0u) << low;
  for (const double high : {endless, 1e300, 2.0}) EXPECT_EQ(histogram.at(high), histogram.max());
}

TEST(HistogramTest, MergingIsTheSameAsRecordingTogether) {
  std::mt19937_64 random(3);
  Histogram parts[3];
  Histogram whole;
  for (int i = 0; i < 3000; ++i) {
    // Powers of two, so that the sums behind the means are exact in any order.
    const std::uint64_t value = std::uint64_t{1} << random() % (10 + 10 * (i % 3));
    parts[i % 3].record(value, 2);
    whole.record(value);
    whole.record(value);
  }
  Histogram merged;
  for (const Histogram& part : parts) merged.merge(part);
  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_EQ(merged.max(), whole.max());
  EXPECT_EQ(merged.mean(), whole.mean());
  for (int i = 0; i <= 1000; ++i) EXPECT_EQ(merged.at(i / 1000.0), whole.at(i / 1000.0));
}

TEST(HistogramTest, MergingASmallerOneIntoALargerOneKeepsBoth) {
  Histogram large;
  large.record(1'000'000, 9);
  Histogram small;
  small.record(3);
  large.merge(small);
  EXPECT_EQ(large.count(), 10u);
  EXPECT_EQ(large.at(0.1), 3u);
  EXPECT_DOUBLE_EQ(large.mean(), 900'000.3);
}

TEST(HistogramTest, CountsTheValuesUpToOne) {
  Histogram histogram;
  EXPECT_EQ(histogram.count_up_to(10), 0u);
  for (std::uint64_t value = 1; value <= 50; ++value) histogram.record(value);
  histogram.record(50'000, 50);
  EXPECT_EQ(histogram.count_up_to(0), 0u);
  EXPECT_EQ(histogram.count_up_to(25), 25u);
  EXPECT_EQ(histogram.count_up_to(40'000), 50u);
  EXPECT_EQ(histogram.count_up_to(50'000), 100u);
}

TEST(HistogramTest, IsMadeAgainFromItsBuckets) {
  Histogram histogram;
  for (std::uint64_t value = 1; value < 1'000'000; value = value * 3 / 2 + 1) {
    histogram.record(value, value % 5 + 1);
  }
  Histogram again;
  for (const auto& [value, count] : histogram.buckets()) again.record(value, count);
  EXPECT_EQ(again.count(), histogram.count());
  EXPECT_EQ(again.max(), histogram.max());
  for (int i = 0; i <= 100; ++i) EXPECT_EQ(again.at(i / 100.0), histogram.at(i / 100.0));
}

}  // namespace
}  // namespace ferry
