#pragma once

#include <chrono>

namespace ferry::detail {

/// Decisions take the time as an argument, so that tests can make it up.
using Time = std::chrono::steady_clock::time_point;

}  // namespace ferry::detail
