#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ferry::compare {

/// What a Redis server has used up since it started.
struct ServerUsage {
  double cpu_microseconds = 0;  ///< user and system, background threads included
  std::uint64_t commands = 0;   ///< executed, those inside functions included
  double memory_bytes = 0;      ///< resident, now
  std::string version;
};

/// Reads the text of `INFO server cpu stats memory`.
///
/// Errors: `internal` naming the field that is missing.
/// Source: https://redis.io/docs/latest/commands/info/
ServerUsage read_server_usage(std::string_view info);

}  // namespace ferry::compare
