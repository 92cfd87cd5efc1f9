#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ferry::compare {

/// What to run: one policy at one rate.
struct Rung {
  std::size_t policy = 0;  ///< index
  double rate = 0;         ///< jobs a second

  bool operator==(const Rung&) const = default;
};

/// Returns: rates from 5 % to 110 % of the highest capacity, rounded to two digits.
std::vector<double> rates_below_and_beyond(double capacity);

/// Every rate for every policy; but a policy whose capacity is known meets only the lowest rate
/// that is beyond it, for above that it would only fall behind faster.
///
/// `capacities` in jobs a second, one for each policy; 0 = not known.
std::vector<Rung> rungs_of(std::span<const double> rates, std::span<const double> capacities);

/// Returns: the rungs in an order that depends on the seed and the repetition.
std::vector<Rung> shuffled(std::vector<Rung> rungs, std::uint64_t seed, std::size_t repetition);

}  // namespace ferry::compare
