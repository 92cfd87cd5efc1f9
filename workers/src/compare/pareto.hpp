#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace ferry::compare {

/// What a setting costs and what it takes; less is better of both.
struct Tradeoff {
  double cost = 0;
  double latency = 0;
};

/// Returns: for each setting whether another one is no worse in both and better in one.
std::vector<bool> dominated(std::span<const Tradeoff> settings);

/// How the knee is found, for whoever reads it.
inline constexpr const char* knee_rule =
    "the setting farthest from the straight line between both ends of the front, on logarithmic "
    "axes that are scaled alike";

/// Returns: the index of the knee of the front; nothing when the front has fewer than three
/// settings or none of them lies below that line.
///
/// Source: Das, "On characterizing the knee of the Pareto curve", 1999.
std::optional<std::size_t> knee(std::span<const Tradeoff> settings);

}  // namespace ferry::compare
