#include "redis/backoff.hpp"

#include <algorithm>

namespace ferry::redis {

ReconnectBackoff::ReconnectBackoff(std::chrono::milliseconds base, std::chrono::milliseconds cap,
                                   std::uint64_t seed)
    : base_(std::max(base, std::chrono::milliseconds{1})),
      cap_(std::max(cap, base_)),
      random_(seed) {}

std::chrono::milliseconds ReconnectBackoff::next() {
  std::chrono::milliseconds bound = base_;
  for (int i = 0; i < failures_ && bound < cap_; ++i) bound *= 2;
  bound = std::min(bound, cap_);
  if (bound < cap_) ++failures_;
  return std::chrono::milliseconds{
      std::uniform_int_distribution<std::chrono::milliseconds::rep>{1, bound.count()}(random_)};
}

}  // namespace ferry::redis
