#pragma once

#include <chrono>
#include <cstdint>

namespace ferry::detail {

/// Returns: microseconds since 1970 by the wall clock, as producers write them into jobs.
inline std::uint64_t wall_us() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace ferry::detail
