#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/worker.hpp"

namespace ferry::detail {

/// What becomes of jobs of kinds that this worker has no handler for: they wait in Redis under the
/// name of their kind, for a worker that has one, or are dead letters.
///
/// Threads: one thread at a time.
class UnknownKinds {
 public:
  /// Each is a name in the streams' groups: of more kinds they are dead letters.
  static constexpr std::size_t most = 100;

  explicit UnknownKinds(UnknownKind then) : then_(then) {}

  /// Returns: whether jobs of that kind wait.
  bool wait(std::string_view kind);
  /// Returns: kinds that were not seen before the last call.
  std::vector<std::string> take_new() { return std::exchange(new_, {}); }

 private:
  UnknownKind then_;
  std::set<std::string, std::less<>> seen_;
  std::vector<std::string> new_;
};

}  // namespace ferry::detail
