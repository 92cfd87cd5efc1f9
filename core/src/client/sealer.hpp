#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/job.hpp"
#include "secrets/payload_keys.hpp"
#include "wire/envelope.hpp"

namespace ferry::detail {

/// A job as the Sender takes it in.
struct IncomingJob {
  std::string_view payload;       ///< as it will be stored
  std::size_t stored_bytes = 0;   ///< its size; more than `payload` has when it is too large
  const JobId* own_id = nullptr;  ///< null: the cargo gives it one
};

/// Jobs whose payloads are sealed: each needs its id for that, before it is in an envelope.
class SealedJobs {
 public:
  IncomingJob operator[](std::size_t i) const {
    const Job& job = jobs_[i];
    return {std::string_view(bytes_).substr(job.begin, job.bytes), job.stored_bytes, &job.id};
  }
  void clear() {
    bytes_.clear();
    jobs_.clear();
  }

 private:
  friend class Sealer;
  struct Job {
    JobId id;
    std::size_t begin = 0;
    std::size_t bytes = 0;
    std::size_t stored_bytes = 0;
  };
  std::string bytes_;
  std::vector<Job> jobs_;
};

/// Seals payloads in the threads of those who enqueue, side by side.
///
/// Threads: any, at the same time.
class Sealer {
 public:
  /// Without a file nothing is sealed.
  explicit Sealer(const std::string& keys_file);

  bool active() const { return keys_.has_value(); }
  /// Returns: what the jobs' extras name. Only while active.
  std::string_view key_id() const { return keys_->sealing_key(); }

  /// Returns: an id with room for `max_jobs_in_envelope` ids behind it.
  JobId next_id(std::uint64_t now_us);

  /// A payload that is too large when sealed is not sealed, as it will be refused.
  void seal(const secrets::PayloadBinding& binding, std::string_view payload,
            SealedJobs& sealed) const;

 private:
  std::optional<secrets::PayloadKeys> keys_;
  std::mutex mutex_;  ///< guards `ids_`, for some nanoseconds
  wire::JobIdSource ids_;
};

}  // namespace ferry::detail
