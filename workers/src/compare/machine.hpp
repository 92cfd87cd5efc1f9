#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace ferry::compare {

/// Where a comparison ran.
struct Machine {
  unsigned cores = 0;  ///< that this process may use
  std::string cpu;
  std::string system;
  std::string compiler;
  bool optimised = false;  ///< Ferry itself; without it the figures say little
};

Machine this_machine();

/// Returns: two lines for people, the second about Redis, and the same for a file.
std::string text_of(const Machine& machine, const std::string& redis_version,
                    const std::string& redis);
nlohmann::json json_of(const Machine& machine, const std::string& redis_version,
                       const std::string& redis);

/// Returns: a line that warns of figures that say little, or nothing.
std::string warning_of(const Machine& machine);

}  // namespace ferry::compare
