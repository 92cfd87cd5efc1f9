#include "batching/credits.hpp"

#include <algorithm>
#include <cassert>

namespace ferry::detail {

Credits::Credits(std::size_t jobs, std::size_t bytes)
    : total_jobs_(static_cast<std::int64_t>(jobs)),
      total_bytes_(static_cast<std::int64_t>(bytes)) {}

void Credits::take(std::size_t jobs, std::size_t bytes) {
  out_jobs_ += static_cast<std::int64_t>(jobs);
  out_bytes_ += static_cast<std::int64_t>(bytes);
}

void Credits::give(std::size_t jobs, std::size_t bytes) {
  out_jobs_ -= static_cast<std::int64_t>(jobs);
  out_bytes_ -= static_cast<std::int64_t>(bytes);
  assert(out_jobs_ >= 0 && out_bytes_ >= 0);
}

}  // namespace ferry::detail
