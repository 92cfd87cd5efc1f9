#include "batching/lane_heap.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <tuple>
#include <vector>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

TEST(LaneHeapTest, OrdersByRankThenTimeThenLane) {
  std::vector<std::uint32_t> places(5);
  LaneHeap heap;
  const Time start = Time{} + 1h;
  heap.push({1, start, 0}, places);
  heap.push({0, start + 1s, 3}, places);
  heap.push({0, start + 2s, 1}, places);
  heap.push({0, start + 1s, 2}, places);
  for (const std::uint32_t expected : {2u, 3u, 1u, 0u}) {
    EXPECT_EQ(heap.top().lane, expected);
    heap.remove(heap.top().lane, places);
  }
  EXPECT_TRUE(heap.empty());
}

TEST(LaneHeapTest, AgreesWithASortedSetWhateverIsTakenOutOfTheMiddle) {
  using Plain = std::tuple<std::uint8_t, Time, std::uint32_t>;
  constexpr std::uint32_t lanes = 200;
  std::mt19937_64 random(42);
  std::vector<std::uint32_t> places(lanes);
  std::vector<bool> inside(lanes, false);
  std::vector<Plain> plain(lanes);
  std::set<Plain> expected;
  LaneHeap heap;
  for (int i = 0; i < 50'000; ++i) {
    // Now and then it is emptied from its top, which shows every place where the order is wrong.
    const bool drain = i % 1000 >= 800 && !heap.empty();
    const auto lane = drain ? heap.top().lane : static_cast<std::uint32_t>(random() % lanes);
    if (inside[lane]) {
      heap.remove(lane, places);
      expected.erase(plain[lane]);
    } else {
      plain[lane] = {static_cast<std::uint8_t>(random() % 3),
                     Time{} + std::chrono::nanoseconds{random() % 100}, lane};
      heap.push({std::get<0>(plain[lane]), std::get<1>(plain[lane]), lane}, places);
      expected.insert(plain[lane]);
    }
    inside[lane] = !inside[lane];
    ASSERT_EQ(heap.empty(), expected.empty());
    if (!expected.empty()) {
      ASSERT_EQ(heap.top().lane, std::get<2>(*expected.begin()));
    }
  }
}

}  // namespace
}  // namespace ferry::detail
