#include "ferry/experiment.hpp"

#include <array>
#include <cstdio>
#include <exception>
#include <span>
#include <string_view>

#include "compare/comparison.hpp"
#include "compare/interrupts.hpp"
#include "compare/marker.hpp"
#include "compare/open_comparison.hpp"
#include "compare/options.hpp"
#include "compare/roles.hpp"

namespace ferry {
namespace {

void require(bool holds, const std::string& message) {
  if (!holds) throw Error(ErrorCode::invalid_argument, "experiment: " + message);
}

void check(const Experiment& experiment) {
  require(!experiment.name.empty(), "name is empty");
  require(static_cast<bool>(experiment.produce), "produce is not set");
  require(static_cast<bool>(experiment.handlers), "handlers is not set");
  require(!experiment.policies.empty(), "policies is empty");
  for (const Policy& policy : experiment.policies) policy.validate();
  constexpr std::array<std::string_view, 19> taken = {
      "redis",  "repetitions", "limit",   "policy", "concurrency", "fsync",    "seed",   "json",
      "prefix", "report",      "scratch", "rates",  "rate",        "duration", "budget", "html",
      "prices", "help",        ""};
  for (const Setting& setting : experiment.settings) {
    for (const std::string_view name : taken) {
      require(setting.name != name, "settings: '" + setting.name + "' is Ferry's own option");
    }
    require(setting.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
                std::string::npos,
            "settings: '" + setting.name + "' is not lower-case letters, digits and dashes");
  }
}

int run(int argc, char** argv, const Experiment& experiment) {
  check(experiment);
  const compare::Options options = compare::parse_options(
      std::span<const char* const>{argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)},
      experiment);
  switch (options.command) {
    case compare::Command::help:
      std::printf("%s", compare::help_text(experiment.name, experiment).c_str());
      return 0;
    case compare::Command::compare:
      if (options.open()) return compare::run_open_comparison(options, experiment);
      return compare::run_comparison(options, experiment);
    case compare::Command::work:
      return compare::run_worker(options, experiment);
    case compare::Command::produce:
      return compare::run_producer(options, experiment);
  }
  return 2;
}

}  // namespace

int experiment_main(int argc, char** argv, const Experiment& experiment) {
  // The marker has to be in the program's file; see `ferry compare`.
  const std::string name = experiment.name.empty() ? compare::marker : experiment.name;
  try {
    return run(argc, argv, experiment);
  } catch (const compare::Interrupted&) {
    std::fprintf(stderr, "\n%s: interrupted; everything that was started is stopped\n",
                 name.c_str());
    return 130;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), e.what());
    return e.code() == ErrorCode::invalid_argument ? 2 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), e.what());
    return 1;
  }
}

}  // namespace ferry
