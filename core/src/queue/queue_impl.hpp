#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "functions/queue_calls.hpp"
#include "functions/slice.hpp"
#include "one_line.hpp"
#include "queue/bounded_reads.hpp"
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

/// Returns: the names that dead letters with these ids may have, three for each: the priority is
/// not known from the id.
std::vector<std::string> dead_names_of(std::span<const JobId> ids);

/// Returns: a score of a sorted set, as Redis writes it; 0 when it is none.
double score_of(std::string_view text);

/// Returns: when each of these died, ms; nothing for what is no dead letter.
std::vector<std::optional<double>> times_of_death(redis::Connection& connection, const Keys& keys,
                                                  std::span<const std::string> names);

/// Returns: the id that the name of a parked envelope ends in; nothing for a name of another form.
std::optional<JobId> id_in_name(std::string_view name);

/// Returns: the books, whatever keys cannot be read.
///
/// Errors: names the key where one stops the whole call.
BooksReply books_or_named_error(redis::Connection& connection, const Keys& keys);

/// Returns: the books of a queue all of whose keys can be read.
///
/// Errors: names the key that cannot be read.
BooksReply readable_books(redis::Connection& connection, const Keys& keys);

/// Returns: the error about the first of these keys.
Error error_about(const std::vector<WrongKey>& wrong_keys);

struct NamedError {
  Error error;
  std::string key;  ///< empty = about none
};

/// Finds the key that an error about a whole call was about, if it was about one.
NamedError named_error(redis::Connection& connection, const Keys& keys, const Error& error);

/// Returns: whether something is wrong with Redis or the way to it, and not with one queue.
bool concerns_all(const Error& error);

/// The counts of a queue whose books were read, with what has to be looked up beside them.
QueueCounts counts_beside(redis::Connection& connection, const Keys& keys, const BooksReply& books);

/// Compares the books with what is there, once.
AuditReport look_once(redis::Connection& connection, const Keys& keys, const BooksReply& books);

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
