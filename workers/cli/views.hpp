#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/parts/table.hpp"
#include "ferry/queue.hpp"
#include "ferry/queues.hpp"

namespace ferry::cli {

/// Units: jobs, bytes, ms.
nlohmann::json counts_json(const QueueCounts& counts);

/// A queue's counts, or what is wrong with it: its name and `error`, with `code`, `message` and the
/// `key` that cannot be read. A name that is none of Ferry's is given as `name_hex` too.
nlohmann::json look_json(const QueueLook& look);
nlohmann::json error_json(const Error& error);

/// Returns: what is wrong with a queue and what to do, in a sentence.
std::string trouble_of(const QueueLook& look);

/// The option that says how many queues to list.
void add_queue_limit(CLI::App& verb, std::size_t& limit);

/// Returns: what else a row says of a queue: paused, workers that fell silent, jobs that run long.
std::string notes_of(const QueueCounts& counts);

/// Units: bytes, ms, ms since 1970.
nlohmann::json job_json(const JobInfo& job);

/// Returns: the kind, or those that an envelope names that cannot be decoded.
std::string kind_text(const JobInfo& job);

/// The jobs of one state; each state has its own columns. `whole`: however wide a line becomes.
Table jobs_table(JobState state, const std::vector<JobInfo>& jobs, bool whole);

/// What a filter asks for: `kind` and `text`.
nlohmann::json filter_json(const DeadFilter& only);
/// Returns: as in ` of kind mail whose reason contains "declined"`; nothing without a filter.
std::string filter_text(const DeadFilter& only);
/// The options that fill in a filter.
void add_filter(CLI::App& verb, DeadFilter& only);

/// Returns: how long ago, as in `3m 12s`; "-" for a time that is not known.
std::string age_of(std::chrono::system_clock::time_point when);

/// Returns: as in `2024-03-01 12:00:00 UTC`; "-" for a time that is not known.
std::string date_of(std::chrono::system_clock::time_point when);

/// Returns: the line below a list that is not whole.
std::string more_queues(std::int64_t more);

/// Returns: `1 job`, `2 jobs`.
std::string jobs_text(std::int64_t count);
std::string dead_letters_text(std::int64_t count);

}  // namespace ferry::cli
