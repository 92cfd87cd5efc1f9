#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "batching/time.hpp"

namespace ferry::detail {

/// Lanes in the order in which they may leave: rank (low first), then time, then number. A binary
/// heap that knows where each lane is, so that one can be taken out of its middle.
///
/// Threads: one thread at a time.
class LaneHeap {
 public:
  struct Entry {
    std::uint8_t rank = 0;
    Time at;
    std::uint32_t lane = 0;
  };

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  const Entry& top() const { return entries_.front(); }
  /// Returns: one that no other leaves behind; not always the very last one.
  const Entry& last() const { return entries_.back(); }

  /// The lane must not be in the heap.
  void push(const Entry& entry, std::vector<std::uint32_t>& places);
  /// `places[lane]` must say where the lane is in this heap; a lane is in one heap at most, so all
  /// heaps of a batcher share `places`.
  void remove(std::uint32_t lane, std::vector<std::uint32_t>& places);
  void clear() { entries_.clear(); }

  /// Returns: whether `a` leaves before `b`.
  static bool before(const Entry& a, const Entry& b);

 private:
  void rise(std::size_t place, const Entry& entry, std::vector<std::uint32_t>& places);
  void sink(std::size_t place, const Entry& entry, std::vector<std::uint32_t>& places);
  void put(std::size_t place, const Entry& entry, std::vector<std::uint32_t>& places) {
    entries_[place] = entry;
    places[entry.lane] = static_cast<std::uint32_t>(place);
  }

  std::vector<Entry> entries_;
};

}  // namespace ferry::detail
