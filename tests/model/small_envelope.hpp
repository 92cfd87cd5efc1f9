#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace ferry::model {

/// A job as the explorations know it: the body of their envelopes is one character for each job,
/// the attempts so far.
struct SmallJob {
  std::int64_t number = 0;
  int attempts = 0;
  auto operator<=>(const SmallJob&) const = default;
};

/// An envelope of jobs with numbers in a row.
std::string small_envelope(std::int64_t first, std::size_t jobs, int attempts = 0);

/// The jobs of an envelope or of a bundle of them, in order.
std::vector<SmallJob> jobs_of(const std::string& envelope);

}  // namespace ferry::model
