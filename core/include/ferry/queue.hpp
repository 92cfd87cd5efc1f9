#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/client_options.hpp"
#include "ferry/error.hpp"
#include "ferry/job.hpp"

namespace ferry {

/// Where a stored job is.
enum class JobState : std::uint8_t { waiting, leased, delayed, dead };

std::string_view to_string(JobState state);
std::optional<JobState> parse_job_state(std::string_view text);

/// Exact counts, in jobs unless the name says otherwise.
struct QueueCounts {
  std::int64_t accepted = 0;  ///< ever stored
  std::int64_t waiting = 0;
  std::int64_t leased = 0;   ///< handed to a worker, not settled
  std::int64_t delayed = 0;  ///< run_after, waiting for the next attempt, or postponed
  std::int64_t dead = 0;     ///< dead letters kept now
  std::int64_t done = 0;
  std::int64_t expired = 0;
  std::int64_t cancelled = 0;  ///< dead letters dropped and queues purged, by an operator
  std::int64_t bytes = 0;      ///< stored bytes of waiting, leased and delayed jobs
  std::int64_t envelopes = 0;  ///< stream entries, waiting and leased
  std::int64_t workers = 0;    ///< that gave a sign of life within 10 s
  /// Those that did not and were not struck off yet: dead, or cut off.
  std::int64_t silent_workers = 0;
  std::chrono::milliseconds longest_silence{0};  ///< of those
  /// How long ago the first leased envelope was handed out, as far as that can be read.
  std::chrono::milliseconds oldest_leased{0};
  std::chrono::milliseconds oldest_age{0};  ///< of the oldest job not yet handed to a worker
  bool paused = false;
};

/// Envelopes that a worker could not begin soon and left to others; part of what is leased.
struct SetAside {
  std::string kind;  ///< the only kind in them; empty where they may have any
  std::int64_t envelopes = 0;
};

/// One stored job, as far as it can be known without its payload.
struct JobInfo {
  JobId id;
  std::string kind;  ///< empty where the stored bytes cannot be decoded
  /// Of bytes that cannot be decoded: the kinds that they name, as far as that can be read.
  std::vector<std::string> kinds;
  JobState state = JobState::waiting;
  Priority priority = Priority::normal;
  std::chrono::system_clock::time_point enqueued_at;
  std::chrono::system_clock::time_point due_at;  ///< delayed jobs
  std::string worker;                            ///< leased jobs
  std::int64_t payload_bytes = 0;                ///< as stored
  std::string sealed_with;  ///< id of the key that sealed the payload; empty = it is plain
  int attempts = 0;
  int deliveries = 0;
  /// Dead letters: why and when; jobs waiting for their next attempt: the last reason.
  std::string reason;
  std::chrono::system_clock::time_point died_at;
  std::map<std::string, std::string> headers;
  std::string traceparent;
  std::string batch_key;
};

/// One page of jobs; pass `next` to go on, empty when there are no more.
struct JobPage {
  std::vector<JobInfo> jobs;
  std::string next;
};

/// The books, checked: what the counters say beside what is really there.
struct AuditReport {
  QueueCounts counts;
  std::int64_t found_in_stream = 0;  ///< jobs counted envelope by envelope, settled ones left out
  std::int64_t found_delayed = 0;
  std::int64_t found_dead = 0;
  std::int64_t found_bytes = 0;
  /// One sentence for each invariant that does not hold.
  std::vector<std::string> violations;
  /// Jobs moved during every look, so what differs in the last one proves nothing: look again, or
  /// pause the queue first.
  bool busy = false;

  bool balanced() const { return violations.empty(); }
};

/// A dead letter that a call left where it was.
struct DeadLeft {
  JobId id;
  bool found = false;  ///< false: no such dead letter is kept (any more)
  std::string why;
  std::int64_t jobs = 1;             ///< in it
  std::vector<std::string> kinds{};  ///< of them, as far as they can be read
  bool expired = false;              ///< their time has passed; see RetryOptions
};
using OnDeadLeft = std::function<void(const DeadLeft&)>;

/// Which dead letters are meant: those to which all that is given applies.
struct DeadFilter {
  std::string kind;    ///< empty = any; of bytes that cannot be decoded the only kind they name
  std::string reason;  ///< what the reason contains

  bool empty() const { return kind.empty() && reason.empty(); }
  bool matches(const JobInfo& job) const;
};

struct RetryOptions {
  DeadFilter only;
  /// Puts a job whose time has passed back as one that never expires. Else it stays dead: a worker
  /// would drop it unrun.
  bool ignore_expiry = false;
};

/// Looks into one queue and lets an operator act on it.
///
/// Errors: every function throws `Error`.
/// Threads: one thread at a time.
class Queue {
 public:
  /// Errors: `invalid_argument` for a bad name or URL. Connects at the first call.
  Queue(RedisOptions redis, std::string_view name);
  ~Queue();
  Queue(Queue&&) noexcept;
  Queue& operator=(Queue&&) noexcept;

  /// Returns: the names of all queues that were ever used under the prefix, sorted; see `Queues`
  /// where they may be many or odd.
  static std::vector<std::string> list(const RedisOptions& redis);

  const std::string& name() const;

  /// Counts jobs one by one, at one instant but for the split between waiting and leased. Reads
  /// envelopes only where both wait or are leased and some have several jobs.
  ///
  /// Errors: names the key that cannot be read.
  QueueCounts counts();

  /// Lists what waits although it is leased: for a worker of this kind, for any, or for one that
  /// can read a newer form. A kind with a long list here is better off in a queue of its own.
  std::vector<SetAside> set_aside();

  /// Lists jobs in one state, oldest first.
  ///
  /// Units: at most `limit` jobs or one envelope more, 1..1000.
  JobPage jobs(JobState state, std::size_t limit = 100, const std::string& from = {});

  /// Returns: nothing when no such dead letter is kept.
  std::optional<JobInfo> dead(const JobId& id);
  /// The dead letter's payload, as the producer packed it (raw stored bytes if undecodable). A
  /// sealed one is opened with the keys of a file as in ClientOptions; without a file it is
  /// returned as it is stored.
  ///
  /// Errors: `invalid_argument` for a bad file or one without the key; `corrupt` when the payload
  /// does not open.
  std::optional<std::string> dead_payload(const JobId& id, const std::string& keys_file = {});

  /// Compares the counters with what is stored, envelope by envelope.
  ///
  /// Walks the queue in slices, which is exact while nobody else moves jobs. A difference is looked
  /// at again at one instant, where the queue holds at most 5,000 envelopes and 4 MiB (and the user
  /// may MULTI); else until nothing moves, and `busy` tells that it never stood still. A key that
  /// cannot be read is a violation.
  [[nodiscard]] AuditReport audit();

  /// Workers hear of it within half a second, idle ones of more than 64 queues within 1.5 s.
  /// What runs is finished, what has not begun goes back.
  void pause();
  void resume();

  /// Removes waiting and delayed jobs, counted as cancelled; leased jobs and dead letters stay.
  ///
  /// Returns: jobs removed. `progress` is told the sum after each slice.
  std::int64_t purge(const std::function<void(std::int64_t removed)>& progress = {});

  /// Puts dead letters back to the queue with no attempts counted. One that wraps a whole bundle
  /// becomes a letter for each part, and so does one of which some jobs stay.
  ///
  /// Returns: jobs moved. `left` is told of each letter that could not be put back and why: one
  /// that no worker could run, one whose time has passed, one whose stream takes no more.
  std::int64_t retry_dead(std::span<const JobId> ids, const OnDeadLeft& left = {},
                          const RetryOptions& options = {});
  /// The same for all letters that are dead when the call begins, each once; those that die again
  /// meanwhile are left alone. `progress` is told the sum after each slice.
  std::int64_t retry_all_dead(const std::function<void(std::int64_t moved)>& progress = {},
                              const OnDeadLeft& left = {}, const RetryOptions& options = {});

  /// Removes dead letters for good, counted as cancelled. Of a letter with several jobs only those
  /// that `only` matches.
  ///
  /// Returns: jobs dropped. `left` is told of each letter that could not be dropped and why.
  std::int64_t drop_dead(std::span<const JobId> ids, const OnDeadLeft& left = {});
  std::int64_t drop_all_dead(const std::function<void(std::int64_t dropped)>& progress = {},
                             const OnDeadLeft& left = {}, const DeadFilter& only = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry
