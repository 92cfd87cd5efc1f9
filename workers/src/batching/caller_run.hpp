#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "batching/time.hpp"

namespace ferry::detail {

/// A handler that the fetching thread runs itself, and what happens when it is not as short as
/// hoped: somebody else takes the fetching over, and that thread is a runner like any other from
/// then on.
///
///   begin ── handler ── end: true, fetch on
///     └─── look: too long ─> take_over ─> end: false, fetch no more
///
/// Threads: `begin` and `end` by the thread that fetches, `look` by the one that watches.
class CallerRun {
 public:
  /// How long the handler may take; nobody fetches meanwhile.
  static constexpr std::chrono::milliseconds patience{5};

  /// `take_over`: returns whether somebody fetches now.
  explicit CallerRun(std::function<bool()> take_over) : take_over_(std::move(take_over)) {}

  /// Returns: when to look.
  Time begin(Time now) {
    const std::lock_guard lock(mutex_);
    since_ = now;
    return now + patience;
  }

  /// Returns: whether the caller still is the one that fetches.
  bool end() {
    const std::lock_guard lock(mutex_);
    return std::exchange(since_, std::nullopt).has_value();
  }

  /// Returns: when to look again; nothing while there is no such run.
  std::optional<Time> look(Time now) {
    const std::lock_guard lock(mutex_);
    if (!since_) return std::nullopt;
    if (now < *since_ + patience) return *since_ + patience;
    if (!take_over_()) return now + patience;
    since_.reset();
    return std::nullopt;
  }

 private:
  std::function<bool()> take_over_;
  std::mutex mutex_;
  std::optional<Time> since_;  ///< the handler began then, and its thread is still the fetching one
};

}  // namespace ferry::detail
