#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ferry/client_options.hpp"
#include "ferry/error.hpp"
#include "ferry/handlers.hpp"
#include "ferry/histogram.hpp"
#include "ferry/objective.hpp"

namespace ferry {

/// A queue to work on and its share of the fetches while several have work.
struct QueueShare {
  std::string name{};
  int weight = 1;  ///< 1..1000; without meaning under QueueOrder::strict
};

enum class QueueOrder : std::uint8_t {
  weighted,  ///< shares in proportion to the weights
  strict,    ///< a queue is worked on only while those before it are empty
};

/// What becomes of a job that a worker has no handler for.
enum class UnknownKind : std::uint8_t {
  waits,        ///< it waits in Redis for a worker that has one
  dead_letter,  ///< it is a dead letter at once
};

enum class LogFormat : std::uint8_t { text, json };
enum class LogLevel : std::uint8_t { debug, info, warning, error, off };

struct LogOptions {
  LogFormat format = LogFormat::text;
  LogLevel level = LogLevel::info;
};

struct WorkerOptions {
  RedisOptions redis{};
  /// 1..256
  std::vector<QueueShare> queues{{"default", 1}};
  QueueOrder order = QueueOrder::weighted;
  /// Handlers that run side by side: 1..1024; 0 = the machine's processors.
  std::size_t concurrency = 0;
  /// Jobs taken from Redis and not settled, at most (one envelope may overshoot): 1..1,000,000.
  /// Only fast handlers get that far: a worker holds twice what it settled in the last 200 ms.
  std::size_t max_jobs_in_flight = 40'000;
  /// The same in stored bytes, and again in what compressed envelopes inflate to: 64 KiB..64 GiB.
  std::size_t max_bytes_in_flight = 64 * 1024 * 1024;
  /// Units: 200 ms..1 h. A worker silent for this long is taken for dead and its jobs go elsewhere.
  std::chrono::milliseconds lease{3000};
  /// A job that was running in this many workers when they died is a dead letter: 1..9.
  int max_deliveries = 3;
  /// Jobs of a kind without a handler here, as while an old release runs beside a new one. A worker
  /// warns once of each kind; `ferry queue show` tells how many wait. Above 100 such kinds they are
  /// dead letters.
  UnknownKind unknown_kind = UnknownKind::waits;
  /// Units: 0..24 h. After TERM: how long running handlers may take before the rest is released.
  std::chrono::milliseconds stop_within{25'000};
  /// Work although Redis may evict keys, that is: lose jobs.
  bool accept_eviction = false;
  /// A file with keys, as ClientOptions::payload_keys_file: sealed payloads are opened with any of
  /// them. Read once; until a key is there, jobs sealed with it are retried as if their handler had
  /// thrown. Opened payloads take as much memory again while their handler runs. Empty = none.
  std::string payload_keys_file{};
  /// With keys: run payloads that nobody has sealed as well, instead of letting them fail. For the
  /// time in which producers are given their keys; afterwards it lets anybody who may write to
  /// Redis enqueue what handlers believe.
  bool accept_plain_payloads = false;
  /// Shown in logs and `queue show`; empty = host name and process id. `[A-Za-z0-9_.-]{1,64}`.
  std::string name{};
  LogOptions log{};
  /// Print counters and latencies on stop.
  bool print_stats_on_stop = true;
  /// Where to write, on stop, a trace of the run for Perfetto and `ferry budget`; empty = none. A
  /// worker that is killed writes none.
  ///
  /// Source: the Trace Event Format, https://perfetto.dev/docs/getting-started/other-formats
  std::string trace_file{};
  /// Attempts of jobs in it, an even sample when there are more: 1..100,000; some 2 KiB each.
  std::size_t trace_jobs = 4'000;
  /// Fill in `WorkerStats::processor_wait_us`; costs some 3 µs a call.
  bool measure_processor_wait = false;
  /// Watched while it runs; told in the log when one begins and ceases to burn. At most 64.
  std::vector<LatencyObjective> objectives{};

  /// Errors: `invalid_argument` with the field and the value.
  void validate() const;
};

/// What a worker has learned of a kind under a latency budget. Times in microseconds.
struct LatencyBudgetStats {
  std::string kind{};
  std::uint64_t jobs = 0;         ///< run
  std::uint64_t over_budget = 0;  ///< of these
  double dial = 0;  ///< the part of the budget by which jobs are to be done, 0 as in realtime..0.95
  double own_dial = 0;     ///< the same of jobs with a budget of their own
  double fixed_us = 0;     ///< what a call costs whatever its size
  double per_job_us = 0;   ///< what each job adds
  double useful_size = 0;  ///< jobs at which both cost the same; 0 = not known yet
};

/// How many handlers of a kind run at once under `HandlerOptions::adaptive_concurrency`.
struct ConcurrencyStats {
  std::string kind{};
  std::size_t limit = 0;  ///< found to be the best lately; in a trial of a neighbour still this one
  std::size_t most = 0;   ///< by the options
};

/// Where the time of jobs went, added up over jobs, one stage behind the other: together they are
/// the time from enqueue to settled of jobs that are done. The stages of a job that ran several
/// times are those of all its runs, and `retry_us` is what lies between.
///
/// Units: µs.
struct StageTimes {
  double before_us = 0;  ///< enqueued (the producer's clock) until the worker had decoded it
  double hold_us = 0;    ///< waited for company although a handler was free
  double credit_us = 0;  ///< waited while no handler was free
  double run_us = 0;     ///< in the handler, each job for as long as its batch
  double settle_us = 0;  ///< from the handler's end to Redis's reply
  /// From the end of a run that was not the last until a worker had decoded the job again; below
  /// zero while jobs wait for that.
  double retry_us = 0;

  double sum_us() const { return before_us + hold_us + credit_us + run_us + settle_us + retry_us; }
};

/// Counts and latencies since the worker started. All times in microseconds.
struct WorkerStats {
  std::uint64_t fetched_jobs = 0;
  std::uint64_t fetched_envelopes = 0;
  std::uint64_t done = 0;
  std::uint64_t retried = 0;
  std::uint64_t failed = 0;  ///< became dead letters
  std::uint64_t expired = 0;
  std::uint64_t postponed = 0;   ///< late under a latency budget; went back to Redis for a while
  std::uint64_t released = 0;    ///< given back on stop
  std::uint64_t given_back = 0;  ///< to the queue, because they could not begin soon here
  std::uint64_t set_aside = 0;   ///< for a worker whose handlers of that kind are free
  std::uint64_t stale = 0;       ///< settles refused because the lease had ended
  std::uint64_t reclaimed_envelopes = 0;
  std::uint64_t promoted_jobs = 0;
  std::uint64_t batches = 0;
  std::array<std::uint64_t, leave_reason_count> left_for{};  ///< indexed by LeaveReason
  std::vector<LatencyBudgetStats> budgets{};    ///< of kinds under a latency budget that have run
  std::vector<ConcurrencyStats> concurrency{};  ///< of kinds whose concurrency is adaptive
  std::uint64_t settle_calls = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t redis_commands = 0;
  std::uint64_t round_trips = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
  std::int64_t credit_jobs_free = 0;
  std::int64_t credit_jobs_out = 0;
  std::int64_t credit_jobs_total = 0;
  Histogram enqueue_to_start;    ///< from the producer's clock to the handler's call
  Histogram enqueue_to_settled;  ///< to Redis's reply
  Histogram run;                 ///< a handler's call
  /// Of all calls together, how long their threads were ready to run without getting a processor:
  /// of `measure_processor_wait`, and 0 for `on_async` and where the kernel does not count it.
  double processor_wait_us = 0;
  Histogram batch_size;  ///< jobs a call
  StageTimes stages;
  std::vector<ObjectiveStats> objectives;  ///< as in the options

  /// Returns: a table for people, several lines.
  std::string to_text() const;
  /// Returns: one JSON object; histograms as count, mean, p50, p90, p99, p999, max.
  std::string to_json() const;
};

/// Fetches jobs, forms batches, runs handlers, settles every job by itself.
///
/// Errors: the constructor throws `invalid_argument` for options out of range; `run` never throws.
/// Threads: `run` in one thread; `stop`, `quiet` and `stats` from any thread. In a process that was
/// forked from the one that made it, `run` says so with both process ids and returns 1, and the
/// others throw `stopped`.
class Worker {
 public:
  Worker(WorkerOptions options, Handlers handlers);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Works until `stop`. Redis away: waits and tries again. Redis refuses (password, rights,
  /// version, eviction): logs why and returns.
  ///
  /// Returns: an exit code: 0 stopped in order, 1 Redis refused.
  [[nodiscard]] int run();

  /// Fetches no more, flushes held batches, lets handlers finish within `stop_within`, releases the
  /// rest to the queue without burning an attempt. Handlers that still run then are abandoned:
  /// their threads go on until the process ends, and their outcomes are dropped.
  void stop();

  /// Like `stop`, but what has not finished by now is released at once.
  void stop_now();

  /// Fetches no more; what is held is finished. `stop` ends it for good.
  void quiet();

  WorkerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// TERM and INT stop the worker, a second one releases at once what still runs; TSTP quiets it.
///
/// Threads: make it in the main thread, one per process; it keeps a thread of its own.
class StopOnSignal {
 public:
  explicit StopOnSignal(Worker& worker);
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry
