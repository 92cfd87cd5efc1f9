#include "pressure/sharing.hpp"

#include <algorithm>

namespace ferry::detail {

using std::chrono::nanoseconds;

std::vector<std::size_t> pieces_to_share(std::size_t waiting, nanoseconds per_job,
                                         std::size_t handlers, std::size_t workers,
                                         std::size_t batch) {
  handlers = std::max<std::size_t>(1, handlers);
  batch = std::max<std::size_t>(1, batch);
  const nanoseconds here =
      per_job * static_cast<nanoseconds::rep>(waiting) / static_cast<nanoseconds::rep>(handlers);
  if (workers < 2 || here < worth_sharing || waiting < 2 * batch) return {};
  // An equal share stays; each of the others should find two pieces of its share at least.
  const std::size_t share = std::max(batch, (waiting + workers - 1) / workers);
  // Nobody knows how many handlers the next worker has: one of them should have it done in time.
  const auto in_time =
      static_cast<std::size_t>(nanoseconds(piece_takes) / std::max(nanoseconds{1}, per_job));
  const std::size_t piece = std::max({batch, std::size_t{1}, std::min((share + 1) / 2, in_time)});
  std::vector<std::size_t> pieces;
  for (std::size_t left = waiting - std::min(waiting, share); left > 0;) {
    pieces.push_back(std::min(piece, left));
    left -= pieces.back();
  }
  return pieces;
}

}  // namespace ferry::detail
