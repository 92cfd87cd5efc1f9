#pragma once

// A mix on a Redis of its own, with real workers (a process each) and real clients.
//
//   producers ─> Redis ─> workers ─> records of each run, notes of each worker
//                  └─> tap: which entries a job was in

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ferry/queue.hpp"
#include "flow/live/entry_tap.hpp"
#include "flow/live/producers.hpp"
#include "flow/live/records.hpp"
#include "flow/mix/mix.hpp"
#include "flow/mix/schedule.hpp"
#include "flow/oracle/trace.hpp"
#include "support/counting_redis.hpp"

namespace ferry::flow {

struct LiveOptions {
  /// Follow jobs from entry to entry. Redis then sends every envelope once more.
  bool tap = false;
  /// Look for the longest command while the workers run.
  bool slow_log = false;
  /// Keep every command that Redis ran, in its own log; not together with `slow_log`.
  bool trace = false;
  /// SIGKILL the first worker once it holds all that it fetches; the others start only then.
  bool kill_first = false;
  /// Watch idle workers before the first job, for the commands that upkeep makes.
  std::chrono::milliseconds idle_watch{1000};
  /// How long a run that drains may take beyond the time in which jobs come.
  std::chrono::seconds drain_within{120};
};

/// One worker's process.
struct WorkerEvidence {
  WorkerNote note;
  std::int64_t idle_rss_kib = 0;  ///< before there was any job
  std::int64_t peak_rss_kib = 0;  ///< at the end
};

/// One job's life as it was seen.
struct JobEvidence {
  std::uint32_t runs = 0;
  std::vector<std::uint32_t> entries;  ///< that it was in, by their place; with a tap only
};

struct LiveEvidence {
  std::vector<PlannedJob> schedule;
  std::vector<SentJob> sent;
  SentCounts counts;
  Trace trace;  ///< first runs; refused jobs are never ready
  std::vector<JobEvidence> jobs;
  std::vector<WorkerEvidence> workers;
  std::vector<AuditReport> audits;  ///< by queue
  std::vector<std::string> complaints;

  Moment began{0};  ///< when the workers started, or the first job came
  Moment ended{0};  ///< when the last job was done, or the run was cut off
  bool drained = false;
  std::vector<test::Traced> commands;  ///< while it ran, with a trace only
  std::int64_t idle_commands = 0;      ///< of the workers, before there was any job
  Moment idle_watched{0};
  std::vector<EntryTap::Entry> entries;  ///< with a tap only, in the order of their adding
  std::int64_t entries_missed = 0;
  std::int64_t slowest_us = 0;
  std::string slowest_command;
  std::int64_t plain_us = 0;       ///< HGET and XADD of as many bytes as the largest payload
  std::int64_t most_plain_us = 0;  ///< the longest of many

  std::size_t stored() const;
  std::size_t lost() const;  ///< stored, drained, and never run
  std::size_t run_twice() const;
};

/// Runs it from an empty Redis to the end.
///
/// Errors: `unsupported` when there is no Redis server program.
LiveEvidence run_live(const Mix& mix, const LiveOptions& options = {});

}  // namespace ferry::flow
