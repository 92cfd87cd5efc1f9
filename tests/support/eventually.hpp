#pragma once

#include <chrono>
#include <thread>

namespace ferry::test {

/// Waits for a condition, asking again and again.
///
/// Returns: whether it came true before the deadline, which is generous: it is only ever reached by
/// a test that fails.
template <typename Condition>
bool eventually(Condition condition,
                std::chrono::milliseconds deadline = std::chrono::seconds{20}) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace ferry::test
