#pragma once

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

}  // namespace ferry::compare
