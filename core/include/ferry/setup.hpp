#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "ferry/client_options.hpp"

namespace ferry {

/// Installs Ferry's functions into Redis, or finds them there; safe to repeat and to race.
///
/// Returns: true when something had to be installed.
/// Errors: `denied` when the user may not load functions, `unsupported` below Redis 7.0.
bool install_functions(const RedisOptions& redis);

enum class CheckResult : std::uint8_t { ok, warning, failed };

/// One line of `ferry doctor`: what was looked at, what was found, what to do.
struct Check {
  std::string name;
  CheckResult result = CheckResult::ok;
  std::string found;
  std::string advice;  ///< empty when ok
};

/// Looks at the server: reachable, version, role, eviction, memory, what a crash loses, time-outs,
/// replicas, functions, round trip.
///
/// Errors: none; a server that is away is a failed check.
std::vector<Check> check_server(const RedisOptions& redis);

}  // namespace ferry
