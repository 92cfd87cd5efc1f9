#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ferry/durability.hpp"
#include "ferry/error.hpp"
#include "ferry/job.hpp"

namespace ferry {

/// How to reach Redis and how long to wait for it; shared by clients, workers and queue inspection.
struct RedisOptions {
  /// `redis://[user[:password]@]host[:port][/db]` or
  /// `unix://[user[:password]@]/path/to.sock[?db=0]`; user, password and path may be
  /// percent-encoded.
  ///
  /// `redis-sentinel://[user[:password]@]host[:port],host[:port],…/master-name[/db]` asks the
  /// sentinels where the master is, one after the other, whenever it connects: also after a lost
  /// connection, and when the server has become a replica. User and password are those of the
  /// master; the sentinels themselves are asked without. A master that is cut off from its
  /// sentinels goes on accepting jobs that will be lost: set `min-replicas-to-write 1` in its
  /// redis.conf, then it refuses after `min-replicas-max-lag` seconds.
  std::string url = "redis://127.0.0.1:6379";
  /// A file whose first line is the password, instead of one in `url`; read whenever we connect, so
  /// that a new password needs no restart. Empty = none.
  std::string password_file{};
  /// Every key begins with it: `[A-Za-z0-9_.-]{1,64}`.
  std::string prefix = "ferry";
  /// Units: 1 ms to 1 h.
  std::chrono::milliseconds connect_timeout{2000};
  /// Units: 1 ms to 1 h. How long one command may take.
  std::chrono::milliseconds command_timeout{5000};

  /// Errors: `invalid_argument` with the field and the value (of `password_file` the path only);
  /// `unsupported` for `rediss://`.
  void validate() const;
};

/// What the client does with a new job while the queue, or its own buffer, is full.
enum class WhenFull : std::uint8_t {
  block,         ///< wait up to `block_timeout`, then fail with `full` or `buffer_full`
  reject,        ///< fail at once with `full` or `buffer_full`
  shed_expired,  ///< drop buffered jobs whose `expires_after` has passed, then wait like `block`
  shed_oldest,   ///< drop the oldest buffered jobs (about a 16th of the buffer), never wait
};

/// The queue's bound, checked by Redis inside every enqueue. 0 = no bound.
struct QueueLimits {
  /// Units: jobs that wait, run or are delayed; 0 to 2^53 - 1.
  std::int64_t max_jobs = 0;
  /// Units: stored bytes of those jobs; 0 to 2^53 - 1.
  std::int64_t max_bytes = 0;
  /// Units: 0 to 366 days. Refuse new jobs while the oldest waiting one is older than this.
  std::chrono::milliseconds max_age{0};
};

/// What Redis had acknowledged to this client and has lost: in a failover to a replica that had not
/// received it, in a restart from files that had not been written.
struct Loss {
  std::string queue;
  /// At least 1.
  std::int64_t lost_calls = 0;
  /// The jobs in those calls. Some of them may have run before they were lost.
  std::int64_t lost_jobs = 0;
  /// False when there were more: the client remembers its last calls only, at least 4096 of them.
  bool exact = true;
};

/// A job that was handed over to a client and was not accepted.
struct FailedJob {
  /// As in its receipt; all zero where it was refused before it had one.
  JobId id;
  std::string queue;
  std::string kind;
  /// Never null. `outcome_unknown` and `unconfirmed` do not say that the job is not stored.
  std::shared_ptr<const Error> error;
};

struct ClientOptions {
  RedisOptions redis{};
  /// Where jobs go unless EnqueueOptions names another queue: `[A-Za-z0-9_.-]{1,64}`.
  std::string queue = "default";
  QueueLimits limits{};
  /// What must be true of a job before it counts as stored. A call that is stored but not confirmed
  /// is repeated until `block_timeout` has passed, without storing anything twice; then its jobs
  /// fail with `unconfirmed`.
  Durability durability{};
  WhenFull when_full = WhenFull::block;
  /// Units: 0 to 1 h; 0 = one try. How long one call may wait: for room, for Redis to come back,
  /// for its reply. It can take as long as one more command (`command_timeout`, at most this) to
  /// notice that a Redis hangs, and one more to ask replicas in vain; jobs that travel together
  /// give up together, up to a tenth early.
  std::chrono::milliseconds block_timeout{30'000};
  /// Units: 0 to 1 s. Wait for company before sending; 0 sends at once (jobs that arrive while a
  /// reply is under way still travel together).
  std::chrono::microseconds linger{0};
  /// 1..1000.
  std::size_t max_jobs_per_envelope = 256;
  /// 1 KiB..1 MiB. A single larger payload travels alone.
  std::size_t max_bytes_per_envelope = 32 * 1024;
  /// The local buffer, of jobs that Redis has not taken yet: 1..10,000,000 jobs. Jobs for queues
  /// that are full count for half of it at most, so that they leave room for those of other queues;
  /// as they may have filled it before it was known, it can hold half as many more.
  std::size_t buffer_jobs = 100'000;
  /// The local buffer: 64 KiB..4 GiB.
  std::size_t buffer_bytes = 64 * 1024 * 1024;
  /// Envelopes of at least this many bytes are compressed with zstd when that makes them smaller;
  /// 0 = never compress, at most 16 MiB.
  std::size_t compress_from_bytes = 0;
  /// A file with keys; payloads are then sealed with its first one before they leave this process
  /// (about 64 bytes more a job), and only a worker that has the key can read them. One key a line,
  /// `<key id> <64 hex digits>`, made by `ferry key`; only its owner and group may read it. Read
  /// once. Sealed payloads do not compress, so `compress_from_bytes` is without effect. Kind,
  /// headers, batch key and reasons are not sealed. Empty = payloads are stored as they are.
  std::string payload_keys_file{};
  /// Called from the thread that sends (a caller's, or the client's own) when Redis has lost calls
  /// it had acknowledged; each is told once. The client notices when it has connected anew, and
  /// with the next call to the queue. Must return soon and not enqueue with this client; what it
  /// throws is dropped. Without it a loss shows in ClientStats only.
  std::function<void(const Loss&)> on_loss{};
  /// Called once for each job that was handed over and was not accepted: those that
  /// `ClientStats::failed_jobs` counts, whether their call has thrown, their result or receipt
  /// tells it, or nobody looks. What a call refuses as a whole (`invalid_argument`) was not handed
  /// over. All are told before the client's destructor ends. Called from the client's thread or
  /// from one that enqueues, never two at a time. Must return soon; enqueueing with this client
  /// throws there and waiting for its receipts may last for ever; what it throws is dropped.
  std::function<void(const FailedJob&)> on_failed{};
  /// Called as `on_failed` is, with one line of text for people: that Redis cannot be reached (at
  /// once, when it happens first) and how many jobs were not accepted although no call has thrown
  /// (within a second or two, then at most once a minute, and when the client is closed). Without
  /// it the line goes to stderr.
  std::function<void(std::string_view)> on_warning{};
  /// The time that jobs are stamped with and that their latency counts from; without it, now. For
  /// load generators: a job that was sent late still counts from when it was meant to be sent.
  /// Called once for each call, from the caller's thread; what lies outside of the years 1970 to
  /// 2198 makes the call throw `invalid_argument`.
  std::function<std::chrono::system_clock::time_point()> clock{};

  /// Errors: `invalid_argument` with the field and the value.
  void validate() const;
};

}  // namespace ferry
