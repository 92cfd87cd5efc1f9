#include "load/open_loop.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "ferry/error.hpp"

namespace ferry::load {
namespace {

/// Time for the threads to be there before the first job is due.
constexpr std::chrono::milliseconds head_start{20};

/// How much later than asked the kernel may wake this thread; 50 µs unless set.
constexpr unsigned long timer_slack_ns = 1000;

std::uint64_t microseconds_since(OpenLoop::Clock::time_point begin) {
  const auto took = OpenLoop::Clock::now() - begin;
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(std::chrono::round<std::chrono::microseconds>(took).count(), 0));
}

}  // namespace

OpenLoop::OpenLoop(std::size_t most_under_way, Send send)
    : most_under_way_(most_under_way), send_(std::move(send)) {}

void OpenLoop::run(const Arrivals& arrivals, const WaitUntil& wait_until) {
  prctl(PR_SET_TIMERSLACK, timer_slack_ns);
  {
    const std::lock_guard lock(mutex_);
    start_ = Clock::now() + head_start;
    wall_start_ = std::chrono::system_clock::now() + head_start;
  }
  std::thread collector([this] { collect(); });
  bool stopped = false;
  std::exception_ptr broken;
  try {
    std::size_t index = 0;
    while (const auto at = arrivals()) {
      const Clock::time_point intended = start_ + *at;
      stopped = !wait_until(intended);
      if (stopped) break;
      intended_ = wall_start_ + std::chrono::duration_cast<std::chrono::microseconds>(*at);
      send(index++, intended);
    }
  } catch (...) {
    broken = std::current_exception();  // the collector has to end first
  }
  {
    const std::lock_guard lock(mutex_);
    all_sent_ = true;
    figures_.stopped = stopped;
  }
  changed_.notify_one();
  collector.join();
  if (broken) std::rethrow_exception(broken);
}

void OpenLoop::send(std::size_t index, Clock::time_point intended) {
  const auto lag = Clock::now() - intended;
  {
    const std::lock_guard lock(mutex_);
    ++figures_.offered;
    figures_.lag.record(lag);
    figures_.seconds = std::chrono::duration<double>(intended - start_).count();
    if (under_way_.size() >= most_under_way_) {
      ++figures_.dropped;
      return;
    }
  }
  try {
    Receipt receipt = send_(index);
    const std::lock_guard lock(mutex_);
    under_way_.push_back({std::move(receipt), intended});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::invalid_argument) throw;
    const std::lock_guard lock(mutex_);
    count_error(error);
  }
  changed_.notify_one();
}

/// Receipts of one queue become ready in the order in which they were given, so that the oldest one
/// is worth waiting for.
void OpenLoop::collect() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !under_way_.empty() || all_sent_; });
    if (under_way_.empty()) return;
    const UnderWay oldest = std::move(under_way_.front());
    under_way_.pop_front();
    lock.unlock();
    const EnqueueResult result = oldest.receipt.get();
    const std::uint64_t took = microseconds_since(oldest.intended);
    lock.lock();
    if (result) {
      ++figures_.stored;
      figures_.stored_after_us.record(took);
    } else {
      count_error(*result.error);
    }
  }
}

void OpenLoop::count_error(const Error& error) {
  switch (error.code()) {
    case ErrorCode::buffer_full:
      ++figures_.dropped;
      return;
    case ErrorCode::full:
      ++figures_.refused;
      return;
    default:
      if (figures_.failed++ == 0) figures_.first_failure = error.what();
  }
}

Figures OpenLoop::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

double OpenLoop::began() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::duration<double>(start_.time_since_epoch()).count();
}

}  // namespace ferry::load
