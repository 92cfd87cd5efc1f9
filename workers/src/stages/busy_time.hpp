#pragma once

#include <chrono>
#include <cstddef>

namespace ferry::detail {

/// How long all runners have been taken, in all: what a job waited for a runner is how much this
/// grew meanwhile, and what it waited besides was the policy's wish.
///
/// Threads: one at a time.
class BusyTime {
 public:
  using Clock = std::chrono::steady_clock;

  explicit BusyTime(std::size_t runners) : runners_(runners) {}

  void take(Clock::time_point now) {
    if (++taken_ == runners_) since_ = now;
  }
  void give_back(Clock::time_point now) {
    if (taken_-- == runners_) before_ += now - since_;
  }
  /// As if there had been so many from now on; more may be taken.
  void set_runners(std::size_t runners, Clock::time_point now) {
    before_ = total(now);
    since_ = now;
    runners_ = runners;
  }
  Clock::duration total(Clock::time_point now) const {
    return taken_ >= runners_ ? before_ + (now - since_) : before_;
  }

 private:
  std::size_t runners_;
  std::size_t taken_ = 0;
  Clock::time_point since_{};
  Clock::duration before_{0};
};

}  // namespace ferry::detail
