#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ferry {

// Redis serves nobody else while it reads, copies what a function reads several times, and has to
// get the memory for it. So a call reads about a megabyte, or one envelope; one that is larger than
// that is read by a plain command, outside of the functions (8 MiB: 10 ms instead of 60).

/// Units: bytes that one call reads, unless a single envelope has more.
inline constexpr std::int64_t slice_bytes = 1024 * 1024;
/// Units: elements that one call of a function looks at.
inline constexpr std::size_t slice_elements = 500;

/// Returns: how many of the next elements make a slice, by their sizes: at least one, if there are
/// any.
inline std::size_t slice_of(std::span<const std::int64_t> sizes,
                            std::size_t most = slice_elements) {
  std::size_t count = 0;
  for (std::int64_t bytes = 0; count < sizes.size() && count < most; ++count) {
    // Not a sum that could overflow: no size is believed beyond a slice.
    bytes += std::clamp<std::int64_t>(sizes[count], 0, slice_bytes + 1);
    if (count > 0 && bytes > slice_bytes) break;
  }
  return count;
}

/// Decides whether the next entry of a stream is read alone, by a plain command: nothing tells how
/// large it is before it is read, but large ones come together.
class StreamPace {
 public:
  /// `mean_bytes`: of what the queue holds, by its books; 0 where it is not known.
  explicit StreamPace(std::int64_t mean_bytes = 0)
      : small_in_a_row_(mean_bytes > slice_bytes / 4 ? 0 : convincing) {}

  bool reads_alone() const { return small_in_a_row_ < convincing; }

  /// `largest` has the most bytes of the `entries` that were read last.
  void saw(std::int64_t largest, std::size_t entries = 1) {
    small_in_a_row_ = largest > slice_bytes ? 0 : std::min(small_in_a_row_ + entries, convincing);
  }

 private:
  /// So many small ones in a row, and the next is taken to be small as well.
  static constexpr std::size_t convincing = 16;

  std::size_t small_in_a_row_;
};

}  // namespace ferry
