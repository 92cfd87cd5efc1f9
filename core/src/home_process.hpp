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

  /// Returns: as in "this client was made by process 7 and is used in process 8, after a fork: …".
  Error refusal(std::string_view what, std::string_view what_to_do) const;
  /// Errors: `stopped` with that sentence when the process was left.
  void require(std::string_view what, std::string_view what_to_do) const {
    if (is_left()) throw refusal(what, what_to_do);
  }

 private:
  static std::atomic<unsigned>& forks();

  unsigned forks_;
  pid_t pid_;
};

}  // namespace ferry::detail
