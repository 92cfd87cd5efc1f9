#pragma once

#include <cstddef>
#include <vector>

namespace ferry::detail {

/// What to run after a batch threw: `unmarked` are its items of which the handler has said nothing.
/// An idempotent handler gets two halves at once; another one gets the jobs one by one later. The
/// failure of the group charges nobody an attempt.
///
/// Returns: the groups to run; none when at most one item is unmarked: that one is guilty and pays
/// an attempt.
std::vector<std::vector<std::size_t>> after_throw(const std::vector<std::size_t>& unmarked,
                                                  bool idempotent);

}  // namespace ferry::detail
