#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "load.hpp"

namespace ferry::bench {

/// A producer that has connected, with its first job, and has the others ready.
///
/// Errors: `Failure` when a job is not stored.
/// Threads: one thread at a time.
class Producer {
 public:
  Producer(const RedisOptions& redis, const std::string& queue, const Load& load);

  /// Hands over all the others and waits for the last reply.
  ///
  /// Returns: the seconds it took.
  double hand_over();

  ClientStats stats() const { return client_.stats(); }
  /// Payload bytes of all jobs handed over.
  std::size_t payload_bytes() const { return payload_bytes_; }

 private:
  std::size_t left_;
  std::vector<Blob> blobs_;
  std::vector<std::size_t> packed_bytes_;
  std::size_t payload_bytes_ = 0;
  Client client_;
};

}  // namespace ferry::bench
