#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "compare/comparison.hpp"
#include "compare/open_run.hpp"
#include "compare/open_verdict.hpp"
#include "compare/prices.hpp"

namespace ferry::compare {

inline constexpr const char* open_load_label =
    "open loop: jobs come at random times that were fixed beforehand, whatever becomes of them; "
    "latencies count from those times to Redis's word that the job is done";

/// A finished comparison at several rates.
struct OpenComparison {
  std::string name;
  std::string story;
  Machine machine;
  std::string redis_version;
  std::string redis;
  std::string date;  ///< UTC, as in 2026-11-25 12:30
  std::vector<std::string> policies;
  std::vector<double> capacities;  ///< jobs a second in a closed loop; 0 = not measured
  std::size_t repetitions = 0;
  std::size_t concurrency = 0;
  double seconds = 0;  ///< of each run
  double budget_us = 0;
  std::uint64_t seed = 0;
  double redis_bytes_per_job = 0;  ///< of a job that waits; 0 = not known
  std::map<std::string, std::string> settings;
  Prices prices;
  std::vector<OpenRun> runs;  ///< in the order in which they ran

  // What follows from the runs.
  std::vector<OpenRow> rows{};
  std::vector<std::optional<bool>> row_dominated{};  ///< one for each row
  OpenVerdict verdict{};

  void conclude();
};

/// Returns: the whole result for people, for a terminal.
std::string text_of(const OpenComparison& comparison);
nlohmann::json json_of(const OpenComparison& comparison);

/// Returns: one line on what the runs' own checks say: Little's law, stages that add up.
std::string self_check_text(const OpenComparison& comparison);

/// Returns: how many runs a lagging generator cost, which were repeated; empty when none.
std::string repeated_text(const std::vector<OpenRun>& runs);

/// `compare --rates`: runs everything, prints it and writes the files.
///
/// Returns: an exit code.
/// Errors: throws `Error` when a run fails, `Interrupted`.
int run_open_comparison(Options options, const Experiment& experiment);

}  // namespace ferry::compare
