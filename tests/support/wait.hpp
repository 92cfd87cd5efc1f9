#pragma once

#include <chrono>
#include <thread>

namespace ferry::test {

/// Waits for an event, not for a time: returns as soon as `happened()` holds.
///
/// Returns: false when it did not happen within `at_most`.
template <typename F>
bool eventually(F happened, std::chrono::milliseconds at_most = std::chrono::seconds{20}) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (!happened()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

}  // namespace ferry::test
