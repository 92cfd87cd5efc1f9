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
    begun_since_look_ = true;
    return now + patience;
  }

  /// Returns: whether the caller still is the one that fetches.
  bool end() {
    const std::lock_guard lock(mutex_);
    return std::exchange(since_, std::nullopt).has_value();
  }

  /// Returns: when to look again. After a look without a run in between, nothing: as long as there
  /// are runs somebody looks anyway, and none of them has to set a timer before its handler starts.
  std::optional<Time> look(Time now) {
    const std::lock_guard lock(mutex_);
    if (!since_) {
      return std::exchange(begun_since_look_, false) ? std::optional(now + patience) : std::nullopt;
    }
    if (now < *since_ + patience) return *since_ + patience;
    if (!take_over_()) return now + patience;
    since_.reset();
    begun_since_look_ = false;
    return std::nullopt;
  }

 private:
  std::function<bool()> take_over_;
  std::mutex mutex_;
  bool begun_since_look_ = false;
  std::optional<Time> since_;  ///< the handler began then, and its thread is still the fetching one
};

}  // namespace ferry::detail
