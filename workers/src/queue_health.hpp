#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/error.hpp"
#include "log/log.hpp"
#include "redis/reply.hpp"

namespace ferry::detail {

/// Whether an error that Redis replied is about this call's queue, key or right alone, so that
/// other queues go on; not when it is about the server or the user as a whole.
bool is_of_one_queue(std::string_view error_text);

/// Which queues a worker cannot work with right now, and at what. An error is logged when it begins
/// and when it changes, not each time.
///
/// Threads: any.
class QueueHealth {
 public:
  enum class Activity : std::uint8_t { fetch, settle, beat, upkeep };
  static constexpr std::size_t activities = 4;

  /// How long a queue that failed is left alone.
  static constexpr std::chrono::milliseconds rest{1000};

  QueueHealth(const Log& log, std::vector<std::string> queues);

  void failed(std::uint32_t queue, Activity activity, std::string_view error_text);
  void works(std::uint32_t queue, Activity activity);

  /// Takes note of a reply about one queue.
  ///
  /// Returns: whether it is none of its errors.
  /// Errors: the reply's, when it is about more than this queue.
  bool is_usable(const redis::Reply& reply, std::uint32_t queue, Activity activity);

  /// The same, and `read` reads what is none: an answer that it does not know is that queue's
  /// error.
  template <typename Read>
  bool is_usable(const redis::Reply& reply, std::uint32_t queue, Activity activity, Read read) {
    if (!is_usable(reply, queue, activity)) return false;
    try {
      read();
    } catch (const Error& e) {
      if (e.code() != ErrorCode::internal) throw;
      failed(queue, activity, e.what());
      return false;
    }
    return true;
  }

  /// Returns: the last error; empty when it works.
  std::string error(std::uint32_t queue, Activity activity) const;

  const std::string& name(std::uint32_t queue) const { return queues_[queue]; }

  bool is_failing(std::uint32_t queue, Activity activity) const {
    return failing_[queue][static_cast<std::size_t>(activity)];
  }

 private:
  const Log& log_;
  std::vector<std::string> queues_;
  std::vector<std::array<std::atomic<bool>, activities>> failing_;
  mutable std::mutex mutex_;
  std::vector<std::array<std::string, activities>> told_;  ///< the error logged last
};

}  // namespace ferry::detail
