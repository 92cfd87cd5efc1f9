#pragma once

#include <memory>
#include <string>

#include "question.hpp"
#include "runs.hpp"

namespace ferry::bench {

/// A rate of Ferry beside the rate of its limit.
struct Rate {
  std::string name;
  Load load;
  Load limit_load;
  double (Runs::*ours)(const Load&);
  double (Runs::*limit)(const Load&);
  Fsync fsync = Fsync::none;
  std::string note{};  ///< what a reader should know, for the settings
};

std::unique_ptr<Question> rate_question(const Rate& rate);

/// As many jobs as keep a run going for some tenths of a second, in whole envelopes.
Load load_of(std::size_t jobs_per_envelope, bool quick);

}  // namespace ferry::bench
