#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace ferry::detail {

/// Calls back once at the earliest moment it was set to.
///
/// Threads: `set` from any thread; the callback runs in the alarm's own thread.
class Alarm {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Alarm(std::function<void()> ring)
      : ring_(std::move(ring)), thread_([this] { loop(); }) {}

  ~Alarm() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Rings at `at` unless it rings earlier anyway.
  void set(Time at) {
    {
      const std::lock_guard lock(mutex_);
      if (at >= at_) return;
      at_ = at;
    }
    changed_.notify_one();
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (at_ == Time::max()) {
        changed_.wait(lock);
      } else if (std::chrono::steady_clock::now() < at_) {
        changed_.wait_until(lock, at_);
      } else {
        at_ = Time::max();
        lock.unlock();
        ring_();
        lock.lock();
      }
    }
  }

  std::function<void()> ring_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Time at_ = Time::max();
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ferry::detail
