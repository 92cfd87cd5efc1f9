#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ferry/job.hpp"
#include "flow/mix/mix.hpp"
#include "flow/moment.hpp"

namespace ferry::flow {

/// One job that is to be enqueued.
struct PlannedJob {
  std::uint32_t kind = 0;
  Moment at{0};           ///< when it is handed over
  Moment due{0};          ///< when it may run; 0 = at once
  std::uint32_t key = 0;  ///< its batch key, counted from 1; 0 = none
  Priority priority = Priority::normal;
  std::uint32_t portion = 0;  ///< jobs of a kind with the same one are handed over together

  bool operator==(const PlannedJob&) const = default;
};

/// All jobs of a mix in the order in which they are handed over, made beforehand from its seed. A
/// job's place in the list is its number.
std::vector<PlannedJob> schedule_of(const Mix& mix);

}  // namespace ferry::flow
