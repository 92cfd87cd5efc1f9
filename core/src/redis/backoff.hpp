#pragma once

#include <chrono>
#include <random>

namespace ferry::redis {

/// How long to wait before trying again: exponential with full jitter, 20 ms to 2 s by default.
///
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
class ReconnectBackoff {
 public:
  explicit ReconnectBackoff(std::chrono::milliseconds base = std::chrono::milliseconds{20},
                            std::chrono::milliseconds cap = std::chrono::milliseconds{2000},
                            std::uint64_t seed = std::random_device{}());

  std::chrono::milliseconds next();
  void reset() { failures_ = 0; }

 private:
  std::chrono::milliseconds base_;
  std::chrono::milliseconds cap_;
  int failures_ = 0;
  std::mt19937_64 random_;
};

}  // namespace ferry::redis
