#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "compare/machine.hpp"
#include "compare/options.hpp"
#include "compare/run_report.hpp"

namespace ferry::compare {

inline constexpr const char* load_label =
    "closed loop: all jobs are enqueued at once, so latencies include the queueing of the whole "
    "input";

/// A finished comparison: what was run, where, and what came out.
struct Comparison {
  std::string name;
  std::string story;
  Machine machine;
  std::string redis_version;
  std::string redis;  ///< private with its fsync, or whose
  std::vector<std::string> policies;
  std::size_t repetitions = 0;
  std::size_t limit = 0;
  std::size_t concurrency = 0;
  std::uint64_t seed = 0;
  std::map<std::string, std::string> settings;
  std::vector<RunReport> runs;  ///< in the order in which they ran
};

/// Returns: the whole result for people.
std::string text_of(const Comparison& comparison);
nlohmann::json json_of(const Comparison& comparison);

/// Returns: which Redis, without secrets.
std::string redis_text(const Options& options, bool private_server);

/// `compare`: runs everything and prints it.
///
/// Returns: an exit code.
/// Errors: throws `Error` when a run fails, `Interrupted`.
int run_comparison(Options options, const Experiment& experiment);

}  // namespace ferry::compare
