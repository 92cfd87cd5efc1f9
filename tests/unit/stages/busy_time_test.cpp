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

}  // namespace
}  // namespace ferry::detail
