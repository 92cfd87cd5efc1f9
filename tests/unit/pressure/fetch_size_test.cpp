#include "pressure/fetch_size.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t plenty = 1'000'000;
constexpr FetchSize::Time now = FetchSize::Time{} + 1h;

/// Lets a backlog of equal envelopes answer so many fetches in full.
void answer(FetchSize& size, int fetches, std::size_t jobs, std::size_t bytes,
            std::size_t room_jobs = plenty, std::size_t room_bytes = plenty * 1000) {
  for (int i = 0; i < fetches; ++i) {
    const std::size_t asked = size.next(room_jobs, room_bytes, now);
    size.answered(asked, asked, jobs, bytes, now);
  }
}

TEST(FetchSizeTest, BeginsWithOneAndDoubles) {
  FetchSize size;
  EXPECT_EQ(size.next(plenty, plenty, now), 1u);
  answer(size, 1, 1, 100);
  EXPECT_EQ(size.next(plenty, plenty, now), 2u);
  answer(size, 20, 1, 100);
  EXPECT_EQ(size.next(plenty, plenty, now), FetchSize::most);
}

TEST(FetchSizeTest, FitsInJobsAndInBytes) {
  FetchSize size;
  answer(size, 20, 256, 29'000);
  EXPECT_EQ(size.next(2'560, plenty * 1000, now), 10u);
  EXPECT_EQ(size.next(plenty, 290'000, now), 10u);
  EXPECT_EQ(size.next(plenty, plenty * 1000, now), FetchSize::most_bytes / 29'000);
  EXPECT_EQ(size.next(0, 0, now), 1u) << "whoever asks has decided to";
}

TEST(FetchSizeTest, LargeEnvelopesBehindSmallOnesAreNoticedWithTheFirst) {
  FetchSize size;
  answer(size, 20, 1, 100);
  size.answered(100, 100, 1, 8'000'000, now);
  EXPECT_EQ(size.next(plenty, plenty * 1000, now), 1u);
}

TEST(FetchSizeTest, ForgetsLargeOnesSlowly) {
  FetchSize size;
  answer(size, 3, 1, 8'000'000);
  answer(size, 5, 1, 100);
  EXPECT_LE(size.next(plenty, plenty * 1000, now), 8u);
  answer(size, 100, 1, 100);
  EXPECT_GE(size.next(plenty, plenty * 1000, now), 500u);
}

TEST(FetchSizeTest, AsksForFewWhereNothingIsKnownAnyMore) {
  FetchSize size;
  answer(size, 20, 1, 100);
  EXPECT_EQ(size.next(plenty, plenty, now + 100ms), FetchSize::most);
  EXPECT_EQ(size.next(plenty, plenty, now + 101ms), FetchSize::few);
  FetchSize empty;
  empty.answered(1, 0, 0, 0, now);
  EXPECT_EQ(empty.next(plenty, plenty, now), FetchSize::few) << "it was asked, and had nothing";
}

TEST(FetchSizeTest, AsksForFewWhileLargeOnesWaitBehindSmallOnes) {
  FetchSize size;
  answer(size, 20, 1, 4096);
  size.stored(10'000 * 4096 + 200 * 8'000'000UL, 10'200);
  EXPECT_EQ(size.next(plenty, plenty, now), FetchSize::few);
  size = FetchSize{};
  answer(size, 20, 1, 4096);
  const std::size_t before = size.next(plenty, plenty, now);
  size.stored(1'000'000 * 4096UL, 1'000'000);
  size.stored(FetchSize::most_bytes, 1);
  EXPECT_EQ(size.next(plenty, plenty, now), before) << "they are alike, or fit in any case";
}

TEST(FetchSizeTest, AnEmptyAnswerTellsNothing) {
  FetchSize size;
  answer(size, 4, 10, 1000);
  const std::size_t before = size.next(plenty, plenty, now);
  size.answered(before, 0, 0, 0, now);
  EXPECT_EQ(size.next(plenty, plenty, now), before);
}

}  // namespace
}  // namespace ferry::detail
