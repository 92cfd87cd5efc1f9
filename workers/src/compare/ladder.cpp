#include "compare/ladder.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace ferry::compare {

std::vector<double> rates_below_and_beyond(double capacity) {
  std::vector<double> rates;
  for (const double part : {0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.1}) {
    const double rate = std::max(part * capacity, 0.1);
    const double digit = std::pow(10, std::floor(std::log10(rate)) - 1);
    rates.push_back(std::round(rate / digit) * digit);
  }
  rates.erase(std::ranges::unique(rates).begin(), rates.end());
  return rates;
}

std::vector<Rung> rungs_of(std::span<const double> rates, std::span<const double> capacities) {
  std::vector<Rung> rungs;
  for (std::size_t policy = 0; policy < capacities.size(); ++policy) {
    for (const double rate : rates) {
      rungs.push_back({policy, rate});
      if (capacities[policy] > 0 && rate > capacities[policy]) break;
    }
  }
  return rungs;
}

std::vector<Rung> shuffled(std::vector<Rung> rungs, std::uint64_t seed, std::size_t repetition) {
  std::seed_seq words{seed, seed >> 32U, static_cast<std::uint64_t>(repetition)};
  std::mt19937_64 random{words};
  std::ranges::shuffle(rungs, random);
  return rungs;
}

}  // namespace ferry::compare
