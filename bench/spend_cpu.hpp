#pragma once

#include <chrono>
#include <ctime>

namespace ferry::bench {

/// What a handler of the benchmarks does when it does anything: parse, compress, sign.
inline constexpr auto handler_cpu = std::chrono::microseconds(50);

/// Keeps the processor busy for this thread's `time` of it. By the thread's own clock, so that
/// handlers who share a processor take twice as long, as they would with real work.
inline void spend_cpu(std::chrono::nanoseconds time) {
  const auto now = [] {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
  };
  const auto end = now() + time;
  while (now() < end) {
  }
}

}  // namespace ferry::bench
