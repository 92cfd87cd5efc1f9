#include "compare/server_usage.hpp"

#include <cstdlib>

#include "ferry/error.hpp"

namespace ferry::compare {
namespace {

std::string field(std::string_view info, std::string_view name) {
  std::size_t begin = 0;
  while (begin < info.size()) {
    const std::size_t end = std::min(info.find('\n', begin), info.size());
    std::string_view line = info.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return std::string(line.substr(name.size() + 1));
    }
    begin = end + 1;
  }
  throw Error(ErrorCode::internal, "INFO has no field '" + std::string(name) +
                                       "': is this a Redis server of version 7 or later?");
}

}  // namespace

ServerUsage read_server_usage(std::string_view info) {
  const double cpu_seconds = std::strtod(field(info, "used_cpu_user").c_str(), nullptr) +
                             std::strtod(field(info, "used_cpu_sys").c_str(), nullptr);
  return {.cpu_microseconds = cpu_seconds * 1e6,
          .commands = std::strtoull(field(info, "total_commands_processed").c_str(), nullptr, 10),
          .memory_bytes = std::strtod(field(info, "used_memory_rss").c_str(), nullptr),
          .version = field(info, "redis_version")};
}

}  // namespace ferry::compare
