#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "batching/time.hpp"
#include "ferry/error.hpp"
#include "log/log.hpp"
#include "redis/reply.hpp"

namespace ferry::detail {

/// Whether an error that Redis replied is about this call's queue, key or right alone, so that
/// other queues go on; not when it is about the server or the user as a whole.
bool is_of_one_queue(std::string_view error_text);

/// Which queues a worker cannot work with right now, and at what. An error is logged when it begins
/// and when it changes, not each time: so whatever may fail while the rest succeeds is an activity
/// of its own.
///
/// Threads: any.
class QueueHealth {
 public:
  enum class Activity : std::uint8_t {
    registration,
    fetch,
    recover,  ///< what is pending under our name
    read,     ///< bodies of what was claimed
    marks,    ///< and their progress
    beat,
    due,  ///< whether something is due
    promote,
    promote_large,
    look,
    claim,
    share,
    sizes,  ///< of envelopes, told to producers
    producers,
    finish,
    settle,
    bury,
    part,
    set_aside,
    release,
    start,
  };
  static constexpr std::size_t activities = 21;

  /// How long a queue that failed is left alone.
  static constexpr std::chrono::milliseconds rest{1000};
  /// What fails for as long as this is tried again meanwhile: later its failure says nothing.
  static constexpr std::chrono::milliseconds lapse{2 * rest};

  QueueHealth(const Log& log, std::vector<std::string> queues);

  void failed(std::uint32_t queue, Activity activity, std::string_view error_text);
  void works(std::uint32_t queue, Activity activity);

  /// Takes note of a reply about one queue, if it is one of its errors.
  ///
  /// Errors: the reply's, when it is about more than this queue.
  bool refuses(const redis::Reply& reply, std::uint32_t queue, Activity activity);

  /// Takes note of a reply about one queue.
  ///
  /// Returns: whether it is none of its errors.
  /// Errors: the reply's, when it is about more than this queue.
  bool is_usable(const redis::Reply& reply, std::uint32_t queue, Activity activity) {
    return is_usable(reply, queue, activity, [] {});
  }

  /// The same, and `read` reads what is none: an answer that it does not know is that queue's
  /// error.
  template <typename Read>
  bool is_usable(const redis::Reply& reply, std::uint32_t queue, Activity activity, Read read) {
    if (refuses(reply, queue, activity)) return false;
    try {
      read();
    } catch (const Error& e) {
      if (e.code() != ErrorCode::internal) throw;
      failed(queue, activity, e.what());
      return false;
    }
    works(queue, activity);
    return true;
  }

  /// The same of several replies that one activity needs.
  bool are_usable(std::span<const redis::ReplyPtr> replies, std::uint32_t queue, Activity activity);

  /// Returns: the last new error; empty when it works.
  std::string error(std::uint32_t queue, Activity activity) const;

  const std::string& name(std::uint32_t queue) const { return queues_[queue]; }

  bool is_failing(std::uint32_t queue, Activity activity) const {
    return failed_at_[queue][static_cast<std::size_t>(activity)] != 0;
  }

  /// Returns: whether what this worker takes of a queue could not be ended now, so that it would
  /// only take room from other queues.
  bool cannot_end(std::uint32_t queue, Time now) const;

  /// Returns: whether it failed so lately, and has not worked since.
  bool failed_within(std::chrono::milliseconds span, std::uint32_t queue, Activity activity,
                     Time now) const;

 private:
  /// 0 = it works.
  using FailedAt = std::atomic<Time::rep>;

  const Log& log_;
  std::vector<std::string> queues_;
  std::vector<std::array<FailedAt, activities>> failed_at_;  ///< the last time
  mutable std::mutex mutex_;
  /// The errors logged since it began to fail: one activity may fail at several keys in turns.
  std::vector<std::array<std::vector<std::string>, activities>> told_;
};

}  // namespace ferry::detail
