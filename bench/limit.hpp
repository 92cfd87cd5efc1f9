#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "blob.hpp"

namespace ferry::bench {

/// What one stream entry of the limit holds: as many payloads and bytes as an envelope of Ferry.
struct LimitShape {
  std::size_t jobs_per_envelope = 1;
  std::size_t envelope_bytes = 0;
  /// One write; small enough that packing the next one hides behind Redis storing this one.
  std::size_t portion_bytes = 64 * 1024;
  /// Each write is one MULTI … EXEC. Without, Redis executes what it reads at once, some 16 KiB,
  /// and with fsync before each reply waits for the disk each time.
  bool transactions = false;
};

/// How fast the same bytes can pass through Redis at all: packs, moves and unpacks them with plain
/// XADD, XREADGROUP and XACK + XDEL, always one portion ahead of the reply, and does nothing else.
/// No job has an id, an outcome or a second chance here, and no function checks anything.
///
/// Errors: `std::runtime_error` for an error reply, a lost connection or bytes that are not those
/// sent.
/// Threads: one thread at a time; several limits may work on one stream.
class Limit {
 public:
  /// Connects at once.
  Limit(const std::string& socket_path, const Blob& blob, LimitShape shape);
  ~Limit();
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  /// Makes the stream and its group.
  void make(const std::string& stream);

  /// Stores `jobs`, a multiple of the shape's, and waits for the last reply.
  void enqueue(const std::string& stream, std::size_t jobs);

  /// Takes `jobs` out again and looks at each payload; waits for the last acknowledgement. The
  /// stream may still be filling.
  void drain(const std::string& stream, std::size_t jobs);

  /// Errors: `std::runtime_error` unless so many entries are stored and none is pending.
  void check(const std::string& stream, std::size_t entries);

  /// Removes every key of the server.
  void flush_all();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry::bench
