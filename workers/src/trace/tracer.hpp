#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "stages/run.hpp"
#include "trace/records.hpp"
#include "trace/sample.hpp"

namespace ferry::detail {

/// Keeps what became of a bounded, even sample of the jobs, and of their batches, and writes it
/// into a file.
///
/// When it is full it halves the sample: what was kept is thinned and less is kept from then on, so
/// the beginning of a run counts as much as its end.
///
/// Errors: the constructor throws `invalid_argument` when the file cannot be written.
/// Threads: any.
class Tracer {
 public:
  using Clock = std::chrono::steady_clock;

  Tracer(std::string file, std::size_t max_jobs, TraceRecords names);

  /// These jobs of a run have ended, and nobody has been told yet.
  void ended(const Run& run, GroupCursor::Ended jobs, Clock::time_point now);
  /// Redis has just acknowledged the outcomes that the envelope's marks name.
  void told(const LeasedEnvelope& envelope, Clock::time_point now);

  TraceRecords records() const;
  /// Returns: an empty text, or why the file could not be written.
  std::string write() const;

 private:
  TracedBatch& batch_for(const Run& run, GroupCursor::Ended jobs);
  void keep(const Run& run, std::size_t place, Clock::time_point now);
  bool make_room();
  void note_end(const wire::StoredJob& job, TracedEnd end, Clock::time_point now);

  const std::string file_;
  const std::size_t max_jobs_;
  std::atomic<std::uint64_t> mask_{0};  ///< of the sample; written under the lock
  mutable std::mutex mutex_;
  TraceRecords records_;
  /// Where an attempt is. A retry may begin before this process hears that Redis has taken note.
  std::map<std::pair<JobId, int>, std::size_t> places_;
};

}  // namespace ferry::detail
