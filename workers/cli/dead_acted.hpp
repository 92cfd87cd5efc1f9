#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/output.hpp"
#include "ferry/queue.hpp"

namespace ferry::cli {

/// What became of dead letters that were to be moved or removed.
struct DeadActed {
  /// How many letters are told one by one, and how many reasons are told apart.
  static constexpr std::size_t most_told = 100;

  struct Reason {
    std::int64_t letters = 0;
    std::int64_t jobs = 0;
  };

  std::string queue;
  DeadFilter only;
  bool retry = false;
  std::int64_t jobs = 0;  ///< put back or dropped
  std::int64_t not_found = 0;
  Reason left;           ///< all that stay
  bool expired = false;  ///< some of them because their time has passed
  std::map<std::string, Reason> reasons;
  std::vector<DeadLeft> told;  ///< of those left, the first ones

  void note(const DeadLeft& letter);
};

/// Prints what was done. `ids`: how many were named.
///
/// Returns: the exit code.
/// Errors: `Failure` when some of what was asked for was not done.
int report(Output& output, const DeadActed& acted, std::size_t ids);

}  // namespace ferry::cli
