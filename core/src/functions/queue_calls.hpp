#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"

// The functions of books.lua, remove.lua, dead_large.lua and those of inspect.lua and dead.lua that
// operators need, as C++ functions: arguments in, checked replies out.
//
// Errors: what `Connection::call` throws; `internal` for a reply of another shape.

namespace ferry {

inline constexpr std::size_t max_dead_retry = 200;

/// A key that cannot be read, and Redis's words about it.
struct WrongKey {
  std::string key;
  std::string words;
};

/// Returns: the error about a key, with Redis's words and what to do.
Error error_about(const WrongKey& wrong);

struct BooksReply {
  std::int64_t accepted = 0;
  std::int64_t done = 0;
  std::int64_t expired = 0;
  std::int64_t cancelled = 0;
  std::int64_t delayed = 0;
  std::int64_t dead = 0;
  std::int64_t bytes = 0;
  std::int64_t ready = 0;
  std::int64_t envelopes = 0;
  std::int64_t leased_envelopes = 0;
  std::int64_t due_entries = 0;
  std::int64_t parked_entries = 0;
  std::int64_t dead_entries = 0;
  std::int64_t workers = 0;
  std::int64_t oldest_age_ms = 0;  ///< -1: some wait, and none of them was read
  std::int64_t paused = 0;
  std::int64_t server_time_ms = 0;
  std::array<std::string, priority_count> last_delivered;
  std::vector<WrongKey> wrong_keys;  ///< what they hold counts as nothing above

  /// Returns: whether no job has moved between the two.
  bool same_books(const BooksReply& other) const;
  /// Units: bytes of an envelope that is stored, on average; 0 when there is none.
  std::int64_t mean_bytes() const;
  bool has_wrong(const std::string& key) const;
};

/// Queues the call; `read_books` takes its reply.
void append_books(redis::Connection& connection, const Keys& keys);
BooksReply read_books(const redis::Reply& reply);
/// Errors: those of the call as a whole; about a single key: `wrong_keys`.
BooksReply read_books(const redis::ReplyPtr& answer);
BooksReply call_books(redis::Connection& connection, const Keys& keys);

/// Keys of a queue, gates left out.
inline constexpr std::size_t key_count = 11;

/// Returns: the keys of a queue that cannot be read, asked one by one.
std::vector<WrongKey> find_wrong_keys(redis::Connection& connection, const Keys& keys);

/// An envelope of a queue as far as an operator's functions need to know it.
struct SeenEnvelope {
  std::string name;        ///< of a stream's entry its id
  std::int64_t jobs = 0;   ///< not settled; -1: too large to be read by the function
  std::int64_t bytes = 0;  ///< in the books
};

struct WeighedSlice {
  std::int64_t jobs = 0;
  std::int64_t bytes = 0;
  std::string last;  ///< of a stream: the last id looked at; empty = the range is done
  std::int64_t entries = 0;
  std::int64_t largest = 0;  ///< of a stream
  std::vector<SeenEnvelope> list;
};

/// About a megabyte of a stream. `lists` asks for the entries one by one.
WeighedSlice call_weigh(redis::Connection& connection, const Keys& keys, std::size_t priority,
                        std::string_view from, std::string_view to, bool lists);
/// About a megabyte of `due` or `dead`; what is too large is always listed.
WeighedSlice call_weigh_parked(redis::Connection& connection, const Keys& keys,
                               const std::string& set, std::int64_t rank, bool lists);

/// The same calls, queued: for a transaction, whose replies `read_weigh…` takes.
void append_weigh(redis::Connection& connection, const Keys& keys, std::size_t priority,
                  std::string_view from, std::string_view to, bool lists);
void append_weigh_parked(redis::Connection& connection, const Keys& keys, const std::string& set,
                         std::int64_t rank, bool lists);
WeighedSlice read_weigh(const redis::Reply& reply);
WeighedSlice read_weigh_parked(const redis::Reply& reply);

void call_pause(redis::Connection& connection, const Keys& keys, bool paused);

struct Removed {
  std::int64_t jobs = 0;
  std::int64_t envelopes = 0;
};

/// `where` is `due`, `dead` or the digit of a stream. At most `slice_elements`; with none it only
/// makes sure that the caller may.
Removed call_remove(redis::Connection& connection, const Keys& keys, std::string_view where,
                    std::span<const SeenEnvelope> envelopes);

/// One dead letter and what shall be stored instead.
struct DeadRetry {
  std::string name;
  std::string envelope;
  std::size_t jobs = 0;
  std::size_t letter_bytes = 0;
};

/// Returns: jobs moved. At most `max_dead_retry` letters, and about a megabyte.
std::int64_t call_dead_retry(redis::Connection& connection, const Keys& keys,
                             std::span<const DeadRetry> letters);
/// The same for a large one, by a transaction: ask `may_transact` before.
std::int64_t transact_dead_retry(redis::Connection& connection, const Keys& keys,
                                 const DeadRetry& letter);

/// Returns: jobs dropped. At most `slice_elements` names, and about a megabyte.
std::int64_t call_dead_drop(redis::Connection& connection, const Keys& keys,
                            std::span<const std::string> names);

/// One letter for each part, with as many jobs in all.
///
/// Returns: letters made; 0 = there is no such dead letter any more.
std::int64_t call_dead_split(redis::Connection& connection, const Keys& keys, std::string_view name,
                             std::span<const std::string> letters);

struct ForgetReply {
  bool forgotten = false;
  std::int64_t keys_removed = 0;
  std::int64_t producers_kept = 0;
  // What is there when it is not forgotten.
  std::int64_t envelopes = 0;
  std::int64_t delayed = 0;
  std::int64_t dead = 0;
  std::int64_t parked = 0;
  std::int64_t workers = 0;
};

/// Forgets producers that were silent for so long, then the queue itself.
ForgetReply call_forget(redis::Connection& connection, const Keys& keys,
                        std::int64_t workers_silent_ms, std::int64_t producers_silent_ms);

}  // namespace ferry
