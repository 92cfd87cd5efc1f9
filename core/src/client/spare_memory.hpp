#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace ferry::detail {

/// The memory of envelopes that Redis has, for those that come: of new memory the kernel has to
/// find and clear each page.
///
/// Threads: one thread at a time.
class SpareMemory {
 public:
  /// Returns: an empty string with room for `bytes` and not for many more; without, when there is
  /// none.
  std::string take(std::size_t bytes) {
    if (spare_.empty() || spare_.back().capacity() < bytes ||
        spare_.back().capacity() > 4 * bytes) {
      return {};
    }
    std::string memory = std::move(spare_.back());
    spare_.pop_back();
    bytes_ -= memory.capacity();
    memory.clear();
    return memory;
  }

  void give(std::string memory) {
    if (memory.capacity() < smallest || bytes_ + memory.capacity() > most) return;
    bytes_ += memory.capacity();
    spare_.push_back(std::move(memory));
  }

 private:
  static constexpr std::size_t smallest = 4096;
  static constexpr std::size_t most = 4 << 20;

  std::vector<std::string> spare_;
  std::size_t bytes_ = 0;
};

}  // namespace ferry::detail
