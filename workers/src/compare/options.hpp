#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ferry/experiment.hpp"
#include "ferry/private_redis.hpp"

namespace ferry::compare {

enum class Command : std::uint8_t { help, compare, work, produce };

/// The command line of an experiment program, read and checked.
struct Options {
  Command command = Command::help;
  std::string redis;  ///< empty = a private server
  std::string prefix;
  std::size_t repetitions = 5;
  std::size_t limit = 0;
  std::vector<Policy> policies;
  std::size_t concurrency = 0;
  Fsync fsync = Fsync::everysec;
  bool fsync_given = false;
  std::uint64_t seed = 0;
  bool seed_given = false;
  std::filesystem::path json;     ///< empty = no file
  std::filesystem::path report;   ///< `work` and `produce`: where their own measurements go
  std::filesystem::path scratch;  ///< `work` and `produce`: the comparison's folder
  std::map<std::string, std::string> settings;

  bool auto_rates = false;
  std::vector<double> rates;  ///< jobs a second, in order; empty = closed loop, unless auto_rates
  /// Units: ms. How long one run offers jobs.
  std::chrono::milliseconds duration{3000};
  /// Units: ms. Of the latency from the intended time to settled.
  std::chrono::milliseconds budget{50};
  std::filesystem::path html;    ///< empty = no file
  std::filesystem::path prices;  ///< empty = the ones that Ferry brings
  double rate = 0;               ///< `produce`: jobs a second; 0 = all at once

  bool open() const { return auto_rates || !rates.empty(); }
};

/// Reads the arguments that follow the program's name.
///
/// Errors: `invalid_argument` naming the option, the value and what was expected.
Options parse_options(std::span<const char* const> arguments, const Experiment& experiment);

/// Returns: what `--help` prints.
std::string help_text(const std::string& program, const Experiment& experiment);

}  // namespace ferry::compare
