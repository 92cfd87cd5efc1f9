#include "batching/lane_heap.hpp"

#include <cassert>

namespace ferry::detail {

bool LaneHeap::before(const Entry& a, const Entry& b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  if (a.at != b.at) return a.at < b.at;
  return a.lane < b.lane;
}

void LaneHeap::push(const Entry& entry, std::vector<std::uint32_t>& places) {
  entries_.push_back(entry);
  rise(entries_.size() - 1, entry, places);
}

void LaneHeap::remove(std::uint32_t lane, std::vector<std::uint32_t>& places) {
  const std::size_t place = places[lane];
  assert(place < entries_.size() && entries_[place].lane == lane);
  const Entry moved = entries_.back();
  entries_.pop_back();
  if (place == entries_.size()) return;
  if (place > 0 && before(moved, entries_[(place - 1) / 2])) {
    rise(place, moved, places);
  } else {
    sink(place, moved, places);
  }
}

void LaneHeap::rise(std::size_t place, const Entry& entry, std::vector<std::uint32_t>& places) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (!before(entry, entries_[parent])) break;
    put(place, entries_[parent], places);
    place = parent;
  }
  put(place, entry, places);
}

void LaneHeap::sink(std::size_t place, const Entry& entry, std::vector<std::uint32_t>& places) {
  for (std::size_t child = 2 * place + 1; child < entries_.size(); child = 2 * place + 1) {
    if (child + 1 < entries_.size() && before(entries_[child + 1], entries_[child])) ++child;
    if (!before(entries_[child], entry)) break;
    put(place, entries_[child], places);
    place = child;
  }
  put(place, entry, places);
}

}  // namespace ferry::detail
