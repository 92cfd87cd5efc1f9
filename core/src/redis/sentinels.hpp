#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "redis/connection.hpp"
#include "redis/url.hpp"

namespace ferry::redis {

/// The sentinels of a URL, and the question where their master is now.
///
/// Threads: one thread at a time.
/// Source: https://redis.io/docs/latest/develop/reference/sentinel-clients/
class Sentinels {
 public:
  /// One of them may take so long to answer.
  explicit Sentinels(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  /// Asks them in turn, first the one that answered last.
  ///
  /// Returns: the endpoint with the master's host and port, and without sentinels.
  /// Errors: `unavailable` when none answers, `invalid_argument` when those that do know no master
  /// of that name.
  Endpoint find_master(const Endpoint& endpoint);

 private:
  std::chrono::milliseconds timeout_;
  std::size_t first_ = 0;
};

}  // namespace ferry::redis
