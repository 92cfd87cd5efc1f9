#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "compare/run_report.hpp"

namespace ferry::compare {

/// Below this a comparison has no verdict: the ranges of fewer runs say too little.
inline constexpr std::size_t enough_repetitions = 5;

/// How a policy did against the first one, in jobs a second.
struct Contest {
  std::string policy;
  Spread factor;       ///< over the repetitions, each against the same repetition's baseline
  bool clear = false;  ///< the two ranges of jobs a second do not overlap
};

/// Returns: one contest for each policy but the first.
std::vector<Contest> contests_of(const std::vector<RunReport>& runs,
                                 const std::vector<std::string>& policies);

/// Returns: one or two sentences with the measured factor, or why there is none.
std::string verdict_of(const std::vector<RunReport>& runs,
                       const std::vector<std::string>& policies);

}  // namespace ferry::compare
