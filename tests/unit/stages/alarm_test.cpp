#include "stages/alarm.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "support/wait.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(AlarmTest, RingsAtOnceForATimeThatHasPassed) {
  std::atomic<int> rings{0};
  Alarm alarm([&] { ++rings; });
  alarm.set(Clock::now() - 1h);
  EXPECT_TRUE(test::eventually([&] { return rings == 1; }));
  alarm.set(Alarm::Time{});
  EXPECT_TRUE(test::eventually([&] { return rings == 2; }));
}

TEST(AlarmTest, NeverRingsBeforeItsTime) {
  std::atomic<Clock::rep> rang{0};
  Alarm alarm([&] { rang = Clock::now().time_since_epoch().count(); });
  const auto at = Clock::now() + 3ms;
  alarm.set(at);
  ASSERT_TRUE(test::eventually([&] { return rang != 0; }));
  EXPECT_GE(rang, at.time_since_epoch().count());
}

TEST(AlarmTest, KeepsTheEarliestOfSeveralTimes) {
  std::atomic<int> rings{0};
  Alarm alarm([&] { ++rings; });
  alarm.set(Clock::now() + 1h);
  alarm.set(Clock::now() + 1ms);
  alarm.set(Clock::now() + 2h);
  EXPECT_TRUE(test::eventually([&] { return rings == 1; }));
}

TEST(AlarmTest, MayBeSetByItsOwnRing) {
  std::atomic<int> rings{0};
  Alarm* self = nullptr;
  Alarm alarm([&] {
    if (++rings < 5) self->set(Clock::now());
  });
  self = &alarm;
  alarm.set(Clock::now());
  EXPECT_TRUE(test::eventually([&] { return rings == 5; }));
}

TEST(AlarmTest, EndsAlthoughItIsSetToLater) {
  Alarm alarm([] {});
  alarm.set(Clock::now() + 1h);
}

}  // namespace
}  // namespace ferry::detail
