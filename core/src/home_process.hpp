#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>
#include <string_view>

#include "ferry/error.hpp"

namespace ferry::detail {

/// The process in which something was made. A fork copies memory, but neither the other threads nor
/// what they were about to do, and both processes then write to one socket: what was made before is
/// of use in its own process only.
///
/// Threads: any.
/// Source: pthread_atfork(3), fork(2)
class HomeProcess {
 public:
  HomeProcess();

  /// Returns: whether a fork lies between the making and now. Costs one read of memory.
  bool is_left() const { return forks_ != forks().load(std::memory_order_relaxed); }

  /// What was made, and what to do instead of using it elsewhere.
  struct Thing {
    std::string_view name;
    std::string_view advice;
  };
  /// Returns: as in "this client was made by process 7 and is used in process 8, after a fork: …".
  Error refusal(const Thing& thing) const;
  /// Errors: `stopped` with that sentence when the process was left.
  void require(const Thing& thing) const {
    if (is_left()) throw refusal(thing);
  }
  /// Says that sentence on stderr when the process was left: not through a log, whose lock another
  /// thread may have held at the fork.
  ///
  /// Returns: whether it was left.
  bool says_left(const Thing& thing) const;

 private:
  static std::atomic<unsigned>& forks();

  unsigned forks_;
  pid_t pid_;
};

}  // namespace ferry::detail
