#include "pressure/sharing.hpp"

#include <algorithm>

namespace ferry::detail {

using std::chrono::nanoseconds;

std::vector<std::size_t> pieces_to_share(std::size_t waiting, std::size_t runs, nanoseconds per_run,
                                         std::size_t handlers, std::size_t workers) {
  if (workers < 2 || runs < 2) return {};
  handlers = std::max<std::size_t>(1, handlers);
  const nanoseconds here =
      per_run * static_cast<nanoseconds::rep>(runs) / static_cast<nanoseconds::rep>(handlers);
  if (here < worth_sharing) return {};
  const std::size_t of_run = std::max<std::size_t>(1, waiting / runs);
  // An equal share stays; each of the others should find two pieces of its share at least.
  const std::size_t share = std::max(of_run, (waiting + workers - 1) / workers);
  // Nobody knows how many handlers the next worker has: one of them should have it done in time.
  const auto in_time = of_run * static_cast<std::size_t>(nanoseconds(piece_takes) /
                                                         std::max(nanoseconds{1}, per_run));
  const std::size_t piece = std::max(of_run, std::min((share + 1) / 2, in_time));
  std::vector<std::size_t> pieces;
  for (std::size_t left = waiting - std::min(waiting, share); left > 0;) {
    pieces.push_back(std::min(piece, left));
    left -= pieces.back();
  }
  return pieces;
}

}  // namespace ferry::detail
