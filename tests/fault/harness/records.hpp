// What producers, workers and the harness write to disk: fixed records, appended with one write for
// each portion. A killed process leaves what it wrote: the bytes are the kernel's by then. A write
// that was under way may end at a page's end, in the middle of a record; whoever made it was not
// told that it was written and did nothing more, so that record does not count.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ferry/job.hpp"

namespace ferry::fault {

/// What a producer was told of one of its jobs.
enum class Fate : std::uint32_t {
  accepted,  ///< stored
  refused,   ///< an error that says: nothing was stored
  unknown,   ///< an error that says: stored or not, nobody knows
  reported,  ///< no job: `number` calls that Redis had acknowledged and lost (`on_loss`)
};

struct Claim {
  std::uint64_t number = 0;  ///< the job's payload; no two jobs have the same
  JobId id;
  Fate fate = Fate::accepted;
  std::uint32_t unused = 0;
};

/// One run of a handler that took effect.
struct Effect {
  std::uint64_t number = 0;
  JobId id;
  std::int64_t at_us = 0;  ///< `monotonic_us`
  std::uint32_t attempt = 0;
  std::uint32_t deliveries = 0;
};

static_assert(sizeof(Claim) == 32 && sizeof(Effect) == 40, "records without holes");

/// What a worker says of itself, written over and over.
struct WorkerNote {
  std::uint64_t stale_jobs = 0;
  std::uint64_t reclaimed_envelopes = 0;
  std::uint64_t done = 0;
};

/// Returns: the one clock that all processes of the machine share.
inline std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// A file of records that only grows.
///
/// Threads: any, each append is one write.
class RecordFile {
 public:
  explicit RecordFile(const std::string& path);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  /// Ends the process when the disk does not take them: a ledger with holes proves nothing.
  template <typename Record>
  void append(std::span<const Record> records) const {
    append_bytes(records.data(), records.size_bytes());
  }
  /// Writes the only record of a file anew.
  template <typename Record>
  void overwrite(const Record& record) const {
    overwrite_bytes(&record, sizeof record);
  }

 private:
  void append_bytes(const void* bytes, std::size_t size) const;
  void overwrite_bytes(const void* bytes, std::size_t size) const;

  int file_ = -1;
};

/// Returns: the whole records of all files of a folder whose names begin so.
std::vector<Claim> read_claims(const std::string& folder, const std::string& prefix);
std::vector<Effect> read_effects(const std::string& folder, const std::string& prefix);
std::vector<WorkerNote> read_notes(const std::string& folder, const std::string& prefix);

}  // namespace ferry::fault
