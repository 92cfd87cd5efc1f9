#pragma once

#include <chrono>

namespace ferry::detail {

/// Returns: how long the calling thread has been ready to run without getting a processor, since it
/// began; 0 where the kernel does not count it.
///
/// Costs a system call and some text, 1.6 µs where it was written.
/// Source: https://docs.kernel.org/scheduler/sched-stats.html (/proc/<pid>/schedstat)
std::chrono::nanoseconds waited_for_processor();

}  // namespace ferry::detail
