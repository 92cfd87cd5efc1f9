#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/job.hpp"
#include "redis/reply.hpp"
#include "redis/stream_id.hpp"
#include "stages/inflated_memory.hpp"
#include "wire/envelope.hpp"

namespace ferry::detail {

/// What the thread that brings envelopes into the graph may do with them.
enum class CallerMay : bool { hand_over, run };

/// Which lease of which entry. An entry may be held twice: under an old name of ours that was
/// struck off, whose outcomes will be refused, and under the new one.
struct LeaseKey {
  std::uint32_t queue = 0;
  Priority priority = Priority::normal;
  std::uint64_t epoch = 0;
  redis::StreamId id;

  bool operator==(const LeaseKey&) const = default;
};
struct LeaseKeyHash {
  std::size_t operator()(const LeaseKey& key) const {
    // Entries of equal ids in two streams are rare enough to share a bucket.
    return redis::StreamIdHash{}(key.id);
  }
};

/// What is known of one job of a leased envelope.
enum class JobMark : std::uint8_t {
  open,     ///< not run, or running
  done,     ///< outcome known, Redis not yet told
  expired,  ///< likewise
  moved,    ///< likewise: see LeasedEnvelope::moves
  leaving,  ///< it leaves the envelope with others, without an outcome; Redis not yet told
  settled,  ///< Redis knows, or it has left
};

/// Where a job goes that leaves its envelope undone.
enum class MoveTo : std::uint8_t {
  next_attempt,
  same_attempt,  ///< it was not run
  dead_letters,
};

/// A job on its way out of its envelope.
struct Move {
  std::uint32_t index = 0;
  MoveTo to = MoveTo::next_attempt;
  std::chrono::milliseconds delay{0};
  std::string envelope;  ///< the one job, packed anew
};

/// An envelope this worker holds the lease of, from fetch until Redis has acknowledged its end.
///
/// Threads: filled by whoever fetched it and by the decode stage; after that `stored` is read only,
/// and everything from `open` on belongs to the settle thread, but for `unreported`.
struct LeasedEnvelope {
  /// What decoding and batching keep of a job.
  static constexpr std::size_t bytes_of_a_job = sizeof(wire::StoredJob) + 64;

  std::uint32_t queue = 0;  ///< index in the worker's options
  Priority priority = Priority::normal;
  std::uint64_t epoch = 0;  ///< under which of the worker's names it was leased
  redis::StreamId id;       ///< of the entry
  redis::ReplyPtr owner;    ///< keeps `bytes` alive
  std::string_view bytes;   ///< as stored
  std::string progress;     ///< as in settle.lua; empty when nothing is settled or suspected
  bool suspect = false;     ///< a worker died with it

  std::size_t count = 1;    ///< jobs, settled ones included
  std::size_t credits = 0;  ///< in jobs; under InFlight's mutex, as the next one
  std::size_t credit_bytes = 0;
  bool may_inflate = false;  ///< decoding may take more memory than the stored bytes
  wire::StoredEnvelope stored;
  InflatedMemory::Share inflated;  ///< what decoding took beyond the stored bytes

  std::chrono::steady_clock::time_point arrived;       ///< at the batch stage, which writes it
  std::chrono::steady_clock::duration busy_before{0};  ///< BusyTime at that moment, likewise

  std::size_t unreported = 0;  ///< jobs whose outcome no stage has told; under the Settler's mutex

  std::size_t open = 0;     ///< jobs without an outcome that do not leave
  std::size_t pending = 0;  ///< jobs with an outcome Redis does not know
  std::size_t leaving = 0;  ///< jobs on their way out of it; Redis not yet told
  std::vector<JobMark> marks;
  std::vector<Move> moves;
  std::chrono::steady_clock::time_point pending_since;
  /// When the jobs ended that are done and untold, added up. Overflow cancels out: only the
  /// difference to as many times of the telling counts.
  std::uint64_t ended_ns = 0;

  void set_bytes(std::string_view stored_bytes) {
    bytes = stored_bytes;
    const auto head = wire::decode_head(bytes);
    count = head ? head->count : 1;
    may_inflate = head && (head->flags & (wire::flag_zstd | wire::flag_bundle)) != 0;
  }

  /// As new, but its lists keep their memory.
  void clear() {
    auto jobs = std::exchange(stored.jobs, {});
    auto room = std::exchange(marks, {});
    *this = {};
    jobs.clear();
    room.clear();
    stored.jobs = std::move(jobs);
    marks = std::move(room);
  }

  /// Returns: bytes that it takes of this process: as stored, and what is made of it. Of a thousand
  /// one-job envelopes of 100 bytes that is most.
  std::size_t memory() const {
    return bytes.size() + sizeof(LeasedEnvelope) + count * bytes_of_a_job;
  }

  LeaseKey key() const { return {queue, priority, epoch, id}; }

  /// Where it lies, as one word.
  std::string place() const { return std::to_string(queue) + ":" + progress_field(); }

  /// The field in Redis's `progress` hash.
  std::string progress_field() const {
    return std::to_string(static_cast<int>(priority)) + ":" + id.text();
  }
};

using EnvelopePtr = std::shared_ptr<LeasedEnvelope>;

}  // namespace ferry::detail
