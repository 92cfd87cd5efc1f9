#include "stages/alarm.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace ferry::detail {

// libstdc++'s steady_clock is the clock that is named here.
Alarm::Alarm(std::function<void()> ring)
    : ring_(std::move(ring)), timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
  if (timer_ < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  thread_ = std::thread([this] { loop(); });
}

Alarm::~Alarm() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    start_timer(Time{});
  }
  thread_.join();
  ::close(timer_);
}

void Alarm::set(Time at) {
  const std::lock_guard lock(mutex_);
  if (at >= at_ || stopping_) return;
  at_ = at;
  start_timer(at);
}

void Alarm::start_timer(Time at) const {
  // A time of 0 would stop the timer; one that has passed makes it ring at once.
  const auto since_boot =
      std::max(std::chrono::nanoseconds{1}, std::chrono::nanoseconds{at.time_since_epoch()});
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  const itimerspec once{
      .it_interval = {},
      .it_value = {.tv_sec = seconds.count(), .tv_nsec = (since_boot - seconds).count()}};
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &once, nullptr);
}

void Alarm::loop() {
  while (true) {
    std::uint64_t times = 0;
    const bool rang = ::read(timer_, &times, sizeof times) == sizeof times;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      // Nothing that was set is due: the timer is on its way to it, or stands still.
      if (!rang || std::chrono::steady_clock::now() < at_) continue;
      at_ = Time::max();
    }
    ring_();
  }
}

}  // namespace ferry::detail
