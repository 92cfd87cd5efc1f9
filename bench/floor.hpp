#pragma once

#include <string>
#include <vector>

#include "load/schedule.hpp"

namespace ferry::bench {

/// Latencies in microseconds from just before XADD.
struct FloorLatencies {
  std::vector<double> start{};    ///< to the reply of the blocked XREADGROUP
  std::vector<double> settled{};  ///< to the replies of XACK and XDEL
};

/// How soon a job can be there at all: XADD in this thread, XREADGROUP, blocked, in another, with
/// bare hiredis and nothing else.
///
/// Errors: `std::runtime_error` for an error reply, a lost connection or an entry that is missing.
FloorLatencies measure_floor(const std::string& socket_path, const load::Schedule& schedule);

}  // namespace ferry::bench
