#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/parts/table.hpp"
#include "ferry/queue.hpp"

namespace ferry::cli {

/// Units: jobs, bytes, ms.
nlohmann::json counts_json(const QueueCounts& counts);

/// Units: bytes, ms, ms since 1970.
nlohmann::json job_json(const JobInfo& job);

/// The jobs of one state; each state has its own columns.
Table jobs_table(JobState state, const std::vector<JobInfo>& jobs);

/// Returns: how long ago, as in `3m 12s`; "-" for a time that is not known.
std::string age_of(std::chrono::system_clock::time_point when);

/// Returns: as in `2024-03-01 12:00:00 UTC`; "-" for a time that is not known.
std::string date_of(std::chrono::system_clock::time_point when);

/// Returns: `1 job`, `2 jobs`.
std::string jobs_text(std::int64_t count);
std::string dead_letters_text(std::int64_t count);

}  // namespace ferry::cli
