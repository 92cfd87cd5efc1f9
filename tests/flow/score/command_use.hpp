#pragma once

#include <cstdint>
#include <span>

#include "support/counting_redis.hpp"

namespace ferry::flow {

enum class CommandPurpose : std::uint8_t {
  producers,  ///< enqueueing
  fetch,
  work,     ///< settling, moving, giving back, and all else that a worker does with jobs
  upkeep,   ///< made by the clock, and found nothing to do
  harness,  ///< of those who look on
};

CommandPurpose purpose_of(const test::Traced& command);

/// Commands that a server ran, those inside of functions with their function.
struct CommandUse {
  std::int64_t producers = 0;
  std::int64_t fetches = 0;  ///< that brought something
  std::int64_t work = 0;
  std::int64_t upkeep = 0;  ///< fetches that brought nothing included

  /// What the jobs that ran have cost.
  std::int64_t workers() const { return fetches + work; }
};

/// `fetched`: envelopes that workers fetched, for there are no more fetches that brought something.
CommandUse command_use(std::span<const test::Traced> trace, std::int64_t fetched);

}  // namespace ferry::flow
