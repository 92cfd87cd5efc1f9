#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

namespace ferry::detail {

/// Calls back once at the earliest moment it was set to.
///
/// To set it is one system call and wakes nobody: it is set where latency counts.
///
/// Errors: `std::system_error` when the process may open no more files.
/// Threads: `set` from any thread; the callback runs in the alarm's own thread.
/// Source: timerfd_create(2).
class Alarm {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Alarm(std::function<void()> ring);
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Rings at `at` unless it rings earlier anyway.
  void set(Time at);

 private:
  void loop();
  void start_timer(Time at) const;

  std::function<void()> ring_;
  int timer_ = -1;
  std::mutex mutex_;
  Time at_ = Time::max();
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ferry::detail
