#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>

namespace ferry::flow {

/// Chance from a seed. Not the standard library's distributions: they differ from one to the next.
///
/// Threads: one thread at a time.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : bits_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : bits_() % bound; }
  std::size_t between(std::size_t least, std::size_t most) {
    return least + static_cast<std::size_t>(below(most - least + 1));
  }
  bool chance(std::size_t percent) { return below(100) < percent; }

  /// Returns: a number in (0, 1].
  double share() { return (static_cast<double>(bits_() >> 11U) + 1) * 0x1.0p-53; }
  /// Returns: the time to the next of events that come by chance, `mean` apart.
  double gap(double mean) { return -std::log(share()) * mean; }

  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }

 private:
  std::mt19937_64 bits_;
};

}  // namespace ferry::flow
