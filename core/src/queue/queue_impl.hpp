#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "functions/queue_calls.hpp"
#include "redis/connection.hpp"
#include "wire/envelope.hpp"

namespace ferry {

/// One queue's keys and a connection that is made when it is first needed.
///
/// Threads: one thread at a time.
struct Queue::Impl {
  Impl(RedisOptions redis, std::string_view queue_name);

  /// Returns: the connection, with the functions there.
  redis::Connection& ready();

  std::string name;
  Keys keys;

 private:
  redis::Connection connection_;
  bool library_ready_ = false;
};

namespace detail {

/// Returns: the time that many milliseconds after 1970.
std::chrono::system_clock::time_point time_of_ms(std::uint64_t milliseconds);

/// Fills in what the stored job itself tells.
JobInfo info_of(const wire::StoredJob& job, JobState state, Priority priority);

/// A dead letter as stored: its name in `dead`, its bytes.
struct DeadLetter {
  std::string name;
  std::string bytes;
  std::uint64_t died_at_ms = 0;
};

/// Appends what an entry of `due` or `dead` holds.
void add_parked(const std::string& name, std::string_view bytes, std::uint64_t score_ms,
                JobState state, std::vector<JobInfo>& jobs);

/// Waiting or leased jobs, merged over the streams by the time they were stored.
JobPage stream_page(redis::Connection& connection, const Keys& keys, JobState state,
                    std::size_t limit, const std::string& from);
/// Delayed jobs or dead letters, by due time or time of death.
JobPage parked_page(redis::Connection& connection, const Keys& keys, JobState state,
                    std::size_t limit, const std::string& from);

/// Errors: `invalid_argument`: `from` is not a page's `next`.
[[noreturn]] void refuse_cursor(const std::string& from);

}  // namespace detail
}  // namespace ferry
