#pragma once

#include <cstdint>

#include "flow/mix/mix.hpp"

namespace ferry::flow {

/// Makes a mix by chance: 1 to 8 kinds in 1 to 4 queues for 1 to 4 workers of 1 to 8 handlers.
///
/// Its handlers are busy for 30 to 80 % of the time, those of one mix in six for more than all of
/// it. Kinds of less than a millisecond a job use at most 20 % of a processor together.
///
/// Returns: the same mix for the same seed.
Mix generate(std::uint64_t seed);

}  // namespace ferry::flow
