#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "blob.hpp"
#include "ferry/private_redis.hpp"

namespace ferry::bench {

/// A run that did not do what it should have done; its speed means nothing.
class Failure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// How much a run carries, and how.
struct Load {
  std::size_t jobs = 0;  ///< a multiple of `jobs_per_envelope`
  std::size_t jobs_per_envelope = 256;
  std::size_t payload_bytes = 100;  ///< with `text`: about as many
  std::size_t threads = 1;          ///< of the producer
  std::size_t concurrency = 2;      ///< of the worker
  /// The largest there is, so that `jobs_per_envelope` decides.
  std::size_t max_bytes_per_envelope = 1024 * 1024;
  std::size_t compress_from_bytes = 0;
  bool text =
      false;  ///< payloads as services write them, see records.hpp; else one letter, repeated
};

/// Returns: how many jobs Ferry puts into one envelope under the bounds of `load`.
std::size_t jobs_that_fit(const Load& load);

/// Returns: at most `count` jobs to hand over again and again, as many as fit into 64 MiB.
std::vector<Blob> blobs_of(const Load& load, std::size_t count);

}  // namespace ferry::bench
