#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace ferry::detail {

/// How much memory the inflated bodies of held envelopes take. Credits count what is stored, and
/// six kilobytes of that may inflate to 64 MiB.
///
/// Threads: `take` from one thread at a time; shares may end in any.
class InflatedMemory {
 public:
  /// Gives its bytes back when its last copy ends.
  using Share = std::shared_ptr<void>;

  explicit InflatedMemory(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// Returns: null when there is no room now. Where nothing else is held there always is.
  Share take(std::size_t bytes) {
    const std::size_t held = *held_;
    if (held > 0 && (held >= most_bytes_ || bytes > most_bytes_ - held)) return nullptr;
    *held_ += bytes;
    return {held_.get(), [held = held_, bytes](void*) { *held -= bytes; }};
  }

 private:
  std::size_t most_bytes_;
  std::shared_ptr<std::atomic<std::size_t>> held_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace ferry::detail
