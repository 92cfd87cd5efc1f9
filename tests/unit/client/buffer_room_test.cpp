#include "client/buffer_room.hpp"

#include <gtest/gtest.h>

#include "client/channel.hpp"

namespace ferry::detail {
namespace {

constexpr Held most{100, 1000};

struct Case {
  const char* what;
  BufferView view;
  std::size_t bytes;
  bool takes;
};

TEST(BufferRoomTest, KeepsHalfForTheQueuesThatAreNotFull) {
  const Case cases[] = {
      {"an empty buffer takes any job", {}, 5000, true},
      {"room in jobs and bytes", {.all = {99, 900}}, 100, true},
      {"no room in jobs", {.all = {100, 0}}, 1, false},
      {"no room in bytes", {.all = {1, 901}}, 100, false},
      {"one queue alone, though it is full",
       {.all = {99, 0}, .held_back = {99, 0}, .own = {99, 0}, .is_held_back = true},
       1,
       true},
      {"a full queue up to half",
       {.all = {60, 0},
        .held_back = {49, 0},
        .own = {49, 0},
        .several = true,
        .is_held_back = true},
       1,
       true},
      {"a full queue beyond half",
       {.all = {60, 0},
        .held_back = {50, 0},
        .own = {50, 0},
        .several = true,
        .is_held_back = true},
       1,
       false},
      {"a full queue beyond half of the bytes",
       {.all = {6, 500},
        .held_back = {5, 450},
        .own = {5, 450},
        .several = true,
        .is_held_back = true},
       60,
       false},
      {"the first job of a full queue beside another one",
       {.all = {60, 0}, .held_back = {60, 0}, .several = true, .is_held_back = true},
       1,
       true},
      {"another queue beside half",
       {.all = {99, 0}, .held_back = {50, 0}, .several = true},
       1,
       true},
      {"another queue where all is held back",
       {.all = {100, 1000}, .held_back = {100, 1000}, .several = true},
       500,
       true},
      {"another queue that has its half",
       {.all = {150, 0}, .held_back = {100, 0}, .several = true},
       1,
       false},
      {"another queue that has its half of the bytes",
       {.all = {150, 1500}, .held_back = {10, 1000}, .several = true},
       1,
       false}};
  for (const Case& one : cases) {
    EXPECT_EQ(BufferRoom(most).takes(one.view, one.bytes), one.takes) << one.what;
  }
}

TEST(BufferRoomTest, GrowsByHalfAtMostForTheOthersOfAQueueThatFilledIt) {
  for (const std::size_t jobs : {1U, 2U, 3U, 10U, 1000U}) {
    const BufferRoom room({jobs, 1'000'000});
    std::size_t full = 0;  // taken in before Redis refused them
    while (room.takes({.all = {full, 0}, .own = {full, 0}}, 1)) ++full;
    EXPECT_EQ(full, jobs);
    std::size_t other = 0;
    while (room.takes(
        {.all = {full + other, 0}, .held_back = {full, 0}, .own = {other, 0}, .several = true},
        1)) {
      ++other;
    }
    EXPECT_EQ(other, jobs - jobs / 2) << jobs;
    EXPECT_FALSE(room.takes({.all = {full + other, 0},
                             .held_back = {full, 0},
                             .own = {full, 0},
                             .several = true,
                             .is_held_back = true},
                            1));
  }
}

TEST(ChannelTest, AnnouncesItsQueueWithEachConnectionAndOnceAMinute) {
  Channel channel("ferry", "mail", {});
  const auto now = Clock::now();
  EXPECT_TRUE(channel.must_announce(1, now)) << "never before";
  channel.announced(1, now);
  EXPECT_FALSE(channel.must_announce(1, now));
  EXPECT_FALSE(channel.must_announce(1, now + std::chrono::seconds{60}));
  EXPECT_TRUE(channel.must_announce(1, now + std::chrono::seconds{61}));
  EXPECT_TRUE(channel.must_announce(2, now));
}

}  // namespace
}  // namespace ferry::detail
