#include "pressure/fetch_size.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

constexpr std::size_t plenty = 1'000'000;

/// Lets a backlog of equal envelopes answer so many fetches in full.
void answer(FetchSize& size, int fetches, std::size_t jobs, std::size_t bytes,
            std::size_t room_jobs = plenty, std::size_t room_bytes = plenty * 1000) {
  for (int i = 0; i < fetches; ++i) {
    const std::size_t asked = size.next(room_jobs, room_bytes);
    size.answered(asked, asked, jobs, bytes);
  }
}

TEST(FetchSizeTest, BeginsWithOneAndDoubles) {
  FetchSize size;
  EXPECT_EQ(size.next(plenty, plenty), 1u);
  answer(size, 1, 1, 100);
  EXPECT_EQ(size.next(plenty, plenty), 2u);
  answer(size, 20, 1, 100);
  EXPECT_EQ(size.next(plenty, plenty), FetchSize::most);
}

TEST(FetchSizeTest, FitsInJobsAndInBytes) {
  FetchSize size;
  answer(size, 20, 256, 29'000);
  EXPECT_EQ(size.next(2'560, plenty * 1000), 10u);
  EXPECT_EQ(size.next(plenty, 290'000), 10u);
  EXPECT_EQ(size.next(plenty, plenty * 1000), FetchSize::most_bytes / 29'000);
  EXPECT_EQ(size.next(0, 0), 1u) << "whoever asks has decided to";
}

TEST(FetchSizeTest, LargeEnvelopesBehindSmallOnesAreNoticedWithTheFirst) {
  FetchSize size;
  answer(size, 20, 1, 100);
  size.answered(100, 100, 1, 8'000'000);
  EXPECT_EQ(size.next(plenty, plenty * 1000), 1u);
}

TEST(FetchSizeTest, ForgetsLargeOnesSlowly) {
  FetchSize size;
  answer(size, 3, 1, 8'000'000);
  answer(size, 5, 1, 100);
  EXPECT_LE(size.next(plenty, plenty * 1000), 8u);
  answer(size, 100, 1, 100);
  EXPECT_GE(size.next(plenty, plenty * 1000), 500u);
}

TEST(FetchSizeTest, AnEmptyAnswerTellsNothing) {
  FetchSize size;
  answer(size, 4, 10, 1000);
  const std::size_t before = size.next(plenty, plenty);
  size.answered(before, 0, 0, 0);
  EXPECT_EQ(size.next(plenty, plenty), before);
}

}  // namespace
}  // namespace ferry::detail
