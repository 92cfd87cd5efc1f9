#pragma once

#include <array>
#include <cstdint>

namespace ferry::flow {

/// The mixes that are run when none are asked for, so that figures can be compared; `flow --show
/// yes --seeds …` says what each is like. Of the first forty these have between them: 1 to 8 kinds,
/// every policy, one to four workers, limits, keys, delays, bulks, weights, and an overload (31).
inline constexpr std::array<std::uint64_t, 5> kept_seeds{8, 10, 12, 20, 31};

}  // namespace ferry::flow
