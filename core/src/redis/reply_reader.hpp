#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "redis/reply.hpp"

namespace ferry::redis {

/// Turns bytes into replies; hiredis does the parsing, the arena of each reply holds its elements.
///
/// Threads: one thread at a time.
class ReplyReader {
 public:
  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// Errors: `internal` when memory is short.
  void feed(const char* bytes, std::size_t size);

  /// Returns: the next complete reply, or null when more bytes are needed.
  /// Errors: `internal` when the bytes are not Redis's protocol, or promise more than a million
  /// elements in one reply; `clear` before the next use.
  ReplyPtr next();
  /// The same for a small reply that is forgotten with the next one: it costs no memory of its own.
  const Reply* next_brief();

  /// Forgets everything fed.
  void clear();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry::redis
