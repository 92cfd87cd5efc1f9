#include "compare/options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "ferry/error.hpp"
#include "one_line.hpp"

namespace ferry::compare {
namespace {

[[noreturn]] void wrong(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message + "; see --help");
}

std::uint64_t number(std::string_view option, std::string_view value, std::uint64_t low,
                     std::uint64_t high) {
  std::uint64_t parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc{} || end != value.data() + value.size() || parsed < low || parsed > high) {
    wrong(std::string(option) + " is '" + one_line(value) + "'; expected a whole number from " +
          std::to_string(low) + " to " + std::to_string(high));
  }
  return parsed;
}

Fsync fsync_of(std::string_view value) {
  if (const auto fsync = parse_fsync(value)) return *fsync;
  wrong("--fsync is '" + one_line(value) + "'; expected none, everysec or always");
}

Command command_of(std::string_view word) {
  if (word == "compare") return Command::compare;
  if (word == "work") return Command::work;
  if (word == "produce") return Command::produce;
  if (word == "help" || word == "--help" || word == "-h") return Command::help;
  wrong("unknown command '" + one_line(word) + "'; expected compare, work or produce");
}

std::chrono::milliseconds duration_of(std::string_view option, std::string_view value) {
  double amount = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), amount);
  const std::string_view unit{end, static_cast<std::size_t>(value.data() + value.size() - end)};
  const double factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
  const double milliseconds = amount * factor;
  if (error != std::errc{} || !(milliseconds >= 1) || milliseconds > 3'600'000) {
    wrong(std::string(option) + " is '" + one_line(value) +
          "'; expected 1ms to 60m, as in 500ms or 3s");
  }
  return std::chrono::milliseconds(std::llround(milliseconds));
}

double rate_of(std::string_view option, std::string_view value) {
  double rate = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), rate);
  if (error != std::errc{} || end != value.data() + value.size() || !(rate >= 0.1) || rate > 1e6) {
    wrong(std::string(option) + " has '" + one_line(value) +
          "'; expected jobs a second, from 0.1 to 1000000");
  }
  return rate;
}

void take_rates(Options& options, std::string_view value) {
  options.rates.clear();
  options.auto_rates = value == "auto";
  if (options.auto_rates) return;
  constexpr std::size_t most_rates = 32;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(',', begin), value.size());
    options.rates.push_back(rate_of("--rates", value.substr(begin, end - begin)));
    begin = end + 1;
  }
  if (options.rates.size() > most_rates) wrong("--rates names more than 32 rates");
  std::ranges::sort(options.rates);
  const auto twice = std::ranges::unique(options.rates);
  options.rates.erase(twice.begin(), twice.end());
}

/// Returns: true when `name` is an option of a comparison at several rates and was taken.
bool take_open(Options& options, std::string_view name, const std::string& value) {
  const bool compare = options.command == Command::compare;
  if (name == "--rates" && compare) {
    take_rates(options, value);
  } else if (name == "--html" && compare) {
    options.html = value;
  } else if (name == "--prices" && compare) {
    options.prices = value;
  } else if (name == "--duration" && options.command != Command::work) {
    options.duration = duration_of(name, value);
  } else if (name == "--budget" && options.command != Command::produce) {
    options.budget = duration_of(name, value);
  } else if (name == "--rate" && options.command == Command::produce) {
    options.rate = rate_of(name, value);
  } else {
    return false;
  }
  return true;
}

/// Returns: true when `name` is an option of the given command and was taken.
bool take(Options& options, std::string_view name, const std::string& value) {
  const bool compare = options.command == Command::compare;
  if (name == "--redis") {
    options.redis = value;
  } else if (name == "--limit") {
    options.limit = number(name, value, 0, 1'000'000'000);
  } else if (name == "--policy" && options.command != Command::produce) {
    constexpr std::size_t most_policies = 64;
    if (options.policies.size() == most_policies) {
      wrong("--policy is given more than 64 times; compare fewer at once");
    }
    options.policies.push_back(Policy::parse(value));
    options.policies.back().validate();
  } else if (name == "--concurrency" && options.command != Command::produce) {
    options.concurrency = number(name, value, 0, 1024);
  } else if (name == "--repetitions" && compare) {
    options.repetitions = number(name, value, 1, 1000);
  } else if (name == "--fsync" && compare) {
    options.fsync = fsync_of(value);
    options.fsync_given = true;
  } else if (name == "--seed" && options.command != Command::work) {
    options.seed = number(name, value, 0, UINT64_MAX);
    options.seed_given = true;
  } else if (name == "--json" && compare) {
    options.json = value;
  } else if (name == "--prefix" && !compare) {
    options.prefix = value;
  } else if (name == "--report" && !compare) {
    options.report = value;
  } else if (name == "--scratch" && !compare) {
    options.scratch = value;
  } else {
    return take_open(options, name, value);
  }
  return true;
}

void check(const Options& options, const Experiment& experiment) {
  if (options.command == Command::compare) {
    if (options.fsync_given && !options.redis.empty()) {
      wrong("--fsync is for the private Redis only; the one at --redis keeps its own setting");
    }
    if (options.open() && !experiment.produce_one) {
      wrong("--rates and --html need an experiment that sets produce_one, which enqueues one job");
    }
    for (std::size_t i = 0; i < options.policies.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (options.policies[i].to_string() == options.policies[j].to_string()) {
          wrong("--policy " + options.policies[i].to_string() + " is given twice");
        }
      }
    }
  } else {
    if (options.redis.empty()) wrong("--redis URL is missing");
    if (options.policies.size() > 1) wrong("--policy is given twice; a worker has one");
  }
}

}  // namespace

Options parse_options(std::span<const char* const> arguments, const Experiment& experiment) {
  Options options;
  for (const Setting& setting : experiment.settings) options.settings[setting.name] = setting.value;
  if (arguments.empty()) return options;
  options.command = command_of(arguments[0]);
  if (options.command == Command::help) return options;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "--help" || name == "-h") options.command = Command::help;
    if (options.command == Command::help) return options;
    std::string value;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      wrong("'" + one_line(name) + "' is unknown or has no value");
    }
    const auto own =
        name.starts_with("--") ? options.settings.find(name.substr(2)) : options.settings.end();
    if (own != options.settings.end()) {
      own->second = value;
    } else if (!take(options, name, value)) {
      wrong("unknown option '" + one_line(name) + "' of " + arguments[0]);
    }
  }
  if (!options.html.empty() && !options.open()) options.auto_rates = true;
  check(options, experiment);
  if (options.policies.empty()) {
    options.policies = experiment.policies;
    // Where all jobs are enqueued at once there is no budget to keep.
    if (options.open()) options.policies.push_back(latency_budget(options.budget));
  }
  return options;
}

std::string help_text(const std::string& program, const Experiment& experiment) {
  std::string text = experiment.story + "\n\n";
  text += "Usage: " + program + R"( compare [OPTION VALUE]...
  Measures the same handler under several policies, in turns, and gives a verdict.
  --redis URL        use this Redis, under a prefix that is removed afterwards;
                     without it a private one is started and stopped
  --repetitions N    runs of every policy (5; with fewer there is no verdict)
  --limit N          at most this many jobs a run (0 = all)
  --policy P         realtime, realtime(N), fixed(N, 5ms), latency_budget(50ms) or, with --rates,
                     latency_budget(50ms, shed=low), which drops low jobs that are late; once for
                     each row, the first is what the others are held against)";
  text += "\n                     (default:";
  for (const Policy& policy : experiment.policies) text += " " + policy.to_string() + ";";
  text.back() = ')';
  text += R"(
  --concurrency W    handlers side by side (0 = processors)
  --fsync F          of the private Redis: none, everysec (default) or always
  --seed S           of the order of the runs
  --json FILE        write settings, machine, every run, rows and verdict

  Without --rates all jobs are enqueued at once (closed loop). With it, jobs come at random times
  that were fixed beforehand, and latencies count from those times (open loop):
  --rates auto       a ladder up to beyond what the best policy can do, measured first
  --rates R,R,…      these rates, in jobs a second
  --duration T       how long each run offers jobs (3s)
  --budget T         what 99 in 100 jobs have to keep, from their time to settled (50ms); without
                     --policy, latency_budget(T) is one of the rows
  --html FILE        write a report, one file for any browser; alone it means --rates auto
  --prices FILE      what a core and a GB cost an hour (default: the dated ones that Ferry brings)

       )" +
          program +
          R"( work --redis URL [--policy P] [--concurrency W]    a worker, until TERM or Ctrl-C
       )" +
          program +
          R"( produce --redis URL [--limit N]                    enqueues the input
  --prefix P         of all keys, for both (ferry)
  --rate R           produce: one job after the other at this rate, for --duration, with --seed
)";
  if (!experiment.settings.empty()) text += "\nFor all of them:\n";
  for (const Setting& setting : experiment.settings) {
    std::string option = "  --" + setting.name + " VALUE";
    if (option.size() < 20) option.resize(20, ' ');
    text += option + " " + setting.help +
            " (default: " + (setting.value.empty() ? "none" : setting.value) + ")\n";
  }
  return text;
}

}  // namespace ferry::compare
