#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "batching/time.hpp"

namespace ferry::detail {

/// How long this worker lets envelopes that it cannot read wait for a newer worker.
///
/// Threads: one thread at a time.
class Patience {
 public:
  /// Longer than a deployment takes in which producers and workers are replaced one by one.
  static constexpr std::chrono::minutes lasting{60};
  /// Envelopes remembered; when there are more, those seen first are forgotten and wait anew.
  static constexpr std::size_t most = 10'000;

  /// Returns: false when the envelope at that place has waited long enough; it is forgotten then.
  bool lasts(const std::string& place, Time now);

  std::size_t remembered() const { return first_seen_.size(); }

 private:
  std::unordered_map<std::string, Time> first_seen_;
};

}  // namespace ferry::detail
