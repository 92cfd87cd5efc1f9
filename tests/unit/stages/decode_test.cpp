#include "stages/decode.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point wall{1'000'500ms};

TEST(DecodeTest, TellsFromItsIdHowLongAnEntryHasWaited) {
  EXPECT_EQ(queued_for({1'000'000, 0}, wall), 500ms);
  EXPECT_EQ(queued_for({1'000'499, 123456}, wall), 1ms);
  EXPECT_EQ(queued_for({0, 1}, wall), 1'000'500ms);
  EXPECT_EQ(queued_for({0, 1}, wall + 1000h), 24h) << "more does not matter";
}

TEST(DecodeTest, WhatRedisStampedLaterThanOurClockSaysIsNew) {
  EXPECT_EQ(queued_for({1'000'501, 0}, wall), 0ms);
  EXPECT_EQ(queued_for({~std::uint64_t{0}, 0}, wall), 0ms);
}

}  // namespace
}  // namespace ferry::detail
