#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/client_options.hpp"
#include "ferry/error.hpp"
#include "ferry/queue.hpp"

namespace ferry {

/// Names of queues, as many as were asked for.
struct QueueNames {
  std::vector<std::string> names;  ///< sorted; may hold bytes of any kind
  std::int64_t more = 0;           ///< names that are not among them
};

/// What is known of one queue among many: its counts, or what is wrong with it.
struct QueueLook {
  std::string name;
  std::optional<QueueCounts> counts;
  std::optional<Error> error;  ///< where there are no counts
  std::string key;             ///< that cannot be read, where the error is about one
};

/// What became of a queue that was to be forgotten. It is only when nothing is in it.
struct [[nodiscard]] Forgotten {
  bool forgotten = false;
  bool had_name = false;  ///< it was in the set of names
  std::int64_t keys_removed = 0;
  /// Producers that stored something within the last hour: what Redis knows of them stays.
  std::int64_t producers_kept = 0;
  // What is in it, when it was not forgotten.
  std::int64_t envelopes = 0;  ///< waiting and leased
  std::int64_t delayed = 0;    ///< envelopes
  std::int64_t dead = 0;       ///< dead letters
  std::int64_t parked = 0;     ///< bytes of delayed jobs and dead letters, or of neither
  std::int64_t workers = 0;    ///< with a sign of life within the last minute
};

/// All queues of a prefix, over one connection: an error about one of them, or about one of its
/// keys, hides no other.
///
/// Errors: every function throws `Error` for what is wrong with Redis as a whole.
/// Threads: one thread at a time.
class Queues {
 public:
  /// Errors: `invalid_argument` for a bad URL or prefix. Connects at the first call.
  explicit Queues(RedisOptions redis);
  ~Queues();
  Queues(Queues&&) noexcept;
  Queues& operator=(Queues&&) noexcept;

  /// Makes sure that Redis can be reached.
  void connect();

  /// Returns: at most so many of the names that were ever used; where there are more, any of them.
  ///
  /// Errors: names the key of the set when it holds something else or may not be read.
  QueueNames names(std::size_t most = 1000);
  /// Returns: whether a queue of that name was ever used.
  bool knows(std::string_view name);

  /// Looks at these queues, some at a time.
  ///
  /// Returns: one for each name, in their order. A name that Ferry would refuse is an error too.
  std::vector<QueueLook> look(std::span<const std::string> names);

  /// Removes a queue's name and what an empty queue leaves behind, if nothing waits, is leased,
  /// delayed or dead and no worker has given a sign of life for a minute. A name that Ferry would
  /// refuse has nothing behind it, so it is always removed.
  ///
  /// Errors: `denied` when the user is no operator.
  Forgotten forget(std::string_view name);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry
