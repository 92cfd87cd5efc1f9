#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flow/moment.hpp"

namespace ferry::flow {

inline constexpr std::uint32_t no_call = 0xffffffff;

/// A job as it came, in a real run or in the oracle's.
struct TracedJob {
  std::uint32_t kind = 0;
  std::uint32_t key = 0;
  std::uint8_t priority = 1;
  Moment ready{0};  ///< stored, or due when that is later
  std::uint32_t call = no_call;
};

/// One call of a handler.
struct Call {
  std::uint32_t worker = 0;
  std::uint32_t kind = 0;
  std::uint32_t jobs = 0;
  Moment begin{0};
  Moment end{0};
};

/// What was run when, by real workers or by the oracle. `jobs` is in the order of the schedule.
struct Trace {
  std::vector<TracedJob> jobs;
  std::vector<Call> calls;
};

}  // namespace ferry::flow
