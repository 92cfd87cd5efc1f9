#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "stages/leased_envelope.hpp"

namespace ferry::detail {

/// Small envelopes that have ended, for those that come: one thread makes them and another would
/// free them, and both would wait for the locks of one arena of malloc.
///
/// Threads: any.
class EnvelopePool {
 public:
  /// Units: envelopes; together some megabytes.
  static constexpr std::size_t most_spare = 8192;

  /// Returns: so many envelopes as new.
  std::vector<EnvelopePtr> take(std::size_t envelopes);

  /// Keeps those that nobody else holds and that are small.
  void give(std::vector<EnvelopePtr> ended);

 private:
  static constexpr std::size_t most_jobs = 16;

  std::mutex mutex_;
  std::vector<EnvelopePtr> spare_;
};

}  // namespace ferry::detail
