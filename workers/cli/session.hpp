#pragma once

#include <string>
#include <string_view>

#include "cli/output.hpp"
#include "ferry/queue.hpp"
#include "ferry/queues.hpp"

namespace ferry::cli {

/// The options that every command takes, as typed.
struct Globals {
  std::string redis;
  std::string password_file;
  std::string prefix = "ferry";
  std::string output = "table";
  bool no_color = false;
};

/// What a command works with: which Redis, and where to write.
class Session {
 public:
  /// Errors: `invalid_argument` for options that are wrong.
  Session(const Globals& globals, Output& output);

  Output& output() { return output_; }
  const RedisOptions& redis() const { return redis_; }

  /// All queues of the prefix.
  Queues queues() const { return Queues(redis_); }

  /// Opens a queue that was used before, so that a misspelt name is told from an empty queue.
  ///
  /// Errors: `Failure` when the queue was never used.
  Queue queue(const std::string& name);

  /// Where the set of names cannot be read, it warns and takes the names as they are.
  ///
  /// Errors: `Failure` naming the first that was never used.
  void require_queues(const std::vector<std::string>& names);

 private:
  Output& output_;
  RedisOptions redis_;
};

}  // namespace ferry::cli
