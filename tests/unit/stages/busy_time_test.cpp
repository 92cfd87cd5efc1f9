#include "stages/busy_time.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

TEST(BusyTimeTest, GrowsOnlyWhileAllRunnersAreTaken) {
  const BusyTime::Clock::time_point start;
  BusyTime busy(2);
  busy.take(start);
  EXPECT_EQ(busy.total(start + 5ms), 0ms);
  busy.take(start + 10ms);
  EXPECT_EQ(busy.total(start + 12ms), 2ms);
  busy.give_back(start + 15ms);
  EXPECT_EQ(busy.total(start + 50ms), 5ms);
  busy.take(start + 60ms);
  busy.give_back(start + 61ms);
  busy.give_back(start + 61ms);
  EXPECT_EQ(busy.total(start + 70ms), 6ms);
}

TEST(BusyTimeTest, CountsByTheRunnersThereAreNow) {
  const BusyTime::Clock::time_point start;
  BusyTime busy(2);
  busy.take(start);
  busy.set_runners(1, start + 10ms);
  EXPECT_EQ(busy.total(start + 15ms), 5ms);
  busy.set_runners(2, start + 20ms);
  EXPECT_EQ(busy.total(start + 30ms), 10ms);
  busy.take(start + 30ms);
  busy.set_runners(1, start + 40ms);
  busy.give_back(start + 50ms);
  EXPECT_EQ(busy.total(start + 60ms), 40ms) << "one more than there are was taken";
  busy.give_back(start + 60ms);
  EXPECT_EQ(busy.total(start + 90ms), 40ms);
}

}  // namespace
}  // namespace ferry::detail
