#include "stages/decode.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point wall{1'000'500ms};
constexpr auto not_known = std::chrono::nanoseconds::max();

TEST(DecodeTest, TellsFromItsIdHowLongAnEntryHasWaited) {
  EXPECT_EQ(queued_for("1000000-0", wall), 500ms);
  EXPECT_EQ(queued_for("1000499-123456", wall), 1ms);
  EXPECT_EQ(queued_for("0-1", wall), 1'000'500ms);
  EXPECT_EQ(queued_for("0-1", wall + 1000h), 24h) << "more does not matter";
}

TEST(DecodeTest, WhatRedisStampedLaterThanOurClockSaysIsNew) {
  EXPECT_EQ(queued_for("1000501-0", wall), 0ms);
  EXPECT_EQ(queued_for("18446744073709551615-0", wall), 0ms);
}

TEST(DecodeTest, DoesNotBelieveWhatIsNoId) {
  for (const char* text : {"", "-", "-1-0", "1000000", "x-0", "99999999999999999999-0"}) {
    EXPECT_EQ(queued_for(text, wall), not_known) << text;
  }
}

}  // namespace
}  // namespace ferry::detail
