#include "compare/open_comparison.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "compare/ladder.hpp"
#include "compare/runner.hpp"
#include "compare/table.hpp"
#include "redis/url.hpp"
#include "report/html_report.hpp"
#include "scratch_folder.hpp"

namespace ferry::compare {
namespace {

/// Jobs in a run that measures a capacity, unless --limit says otherwise.
constexpr std::size_t jobs_for_a_capacity = 2000;
/// How often a run is repeated whose generator lagged: often the machine was busy for a moment.
constexpr int most_repeats = 2;
/// What a run takes besides its load: two processes that start and stop.
constexpr double seconds_besides = 0.7;

void require_writable(const char* option, const std::filesystem::path& file) {
  if (file.empty()) return;
  if (!std::ofstream(file, std::ios::app)) {
    throw Error(ErrorCode::invalid_argument,
                std::string(option) + " " + file.string() + " cannot be written");
  }
}

void write_file(const char* option, const std::filesystem::path& file, const std::string& text) {
  if (file.empty()) return;
  std::ofstream out(file);
  out << text;
  out.close();
  if (!out) {
    throw Error(ErrorCode::internal,
                std::string(option) + " " + file.string() + " cannot be written");
  }
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
  return text;
}

void say(const std::string& text) {
  std::fprintf(stderr, "%s", text.c_str());
  std::fflush(stderr);
}

/// Also shows that the work is really done: these runs are verified, the others only counted.
std::vector<double> capacities_of(Runner& runner, const Options& options) {
  std::vector<double> capacities;
  for (const Policy& policy : options.policies) {
    say("capacity       " + policy.to_string() + ": ");
    const RunReport report = runner.run(policy, 0);
    capacities.push_back(report.jobs_per_second());
    say(count_text(report.jobs_per_second()) + " jobs/s, all at once\n");
  }
  return capacities;
}

std::vector<OpenRun> run_all(Runner& runner, const Options& options, const std::vector<Rung>& rungs,
                             const Prices& prices) {
  const std::size_t total = options.repetitions * rungs.size();
  const double seconds = std::chrono::duration<double>(options.duration).count();
  say(std::to_string(total) + " runs of " + duration_text(seconds * 1e6) + ", about " +
      duration_text(static_cast<double>(total) * (seconds + seconds_besides) * 1e6) +
      " in all; Ctrl-C ends them in order\n");
  std::vector<OpenRun> runs;
  for (std::size_t repetition = 1; repetition <= options.repetitions; ++repetition) {
    for (const Rung& rung : shuffled(rungs, options.seed, repetition)) {
      const Policy& policy = options.policies[rung.policy];
      char label[128];
      std::snprintf(label, sizeof label, "run %zu of %zu: %-18s at %s/s: ", runs.size() + 1, total,
                    policy.to_string().c_str(), count_text(rung.rate).c_str());
      say(label);
      // The same arrivals for every policy of a repetition.
      const std::uint64_t seed = options.seed * 1000 + repetition;
      OpenRun run = runner.run_open(policy, rung.rate, repetition, seed, prices);
      for (int again = 0; again < most_repeats && run.lagged; ++again) {
        say("the generator lagged, again: ");
        run = runner.run_open(policy, rung.rate, repetition, seed, prices);
        run.repeated = again + 1;
      }
      runs.push_back(run);
      say("p99 " + duration_text(run.p99) + (run.steady ? "" : ", not steady") +
          (run.lagged ? ", the generator lagged" : "") + "\n");
    }
  }
  return runs;
}

}  // namespace

std::string repeated_text(const std::vector<OpenRun>& runs) {
  std::size_t once_or_more = 0;
  int thrown_away = 0;
  std::size_t in_vain = 0;
  for (const OpenRun& run : runs) {
    if (run.repeated == 0) continue;
    ++once_or_more;
    thrown_away += run.repeated;
    in_vain += run.lagged ? 1 : 0;
  }
  if (once_or_more == 0) return "";
  std::string text =
      std::to_string(once_or_more) + " of " + std::to_string(runs.size()) +
      " runs were repeated because the generator lagged: " + std::to_string(thrown_away) +
      " thrown away, ";
  return text + (in_vain == 0 ? "none lagged in the end."
                              : std::to_string(in_vain) + " lagged every time.");
}

void OpenComparison::conclude() {
  rows = open_rows_of(runs, policies);
  row_dominated = dominated_rows(rows);
  verdict = open_verdict_of(rows, policies, budget_us);
  for (const OpenRun& run : runs) {
    if (run.books.empty()) continue;
    verdict.notes.push_back("The books of " + run.policy + " at " + count_text(run.rate) +
                            "/s: " + run.books + ".");
  }
  const std::string repeated = repeated_text(runs);
  if (!repeated.empty()) verdict.notes.push_back(repeated);
}

int run_open_comparison(Options options, const Experiment& experiment) {
  require_writable("--json", options.json);
  require_writable("--html", options.html);
  const Prices prices = options.prices.empty() ? default_prices() : read_prices(options.prices);
  if (!options.seed_given) options.seed = std::random_device{}();
  const bool private_server = options.redis.empty();
  std::optional<PrivateRedis> server;
  if (private_server) {
    // Before signals are held back, which the server would inherit.
    server.emplace(PrivateRedisOptions{.fsync = options.fsync});
    options.redis = server->url();
    say("started a private Redis, " + options.redis + "\n");
  }
  const Interrupts interrupts;
  const ScratchFolder scratch;
  if (experiment.configure) experiment.configure({scratch.path(), options.settings});

  Options closed = options;
  if (closed.limit == 0) closed.limit = jobs_for_a_capacity;
  Runner measuring{closed, experiment, scratch.path(), interrupts};
  if (!options.auto_rates) closed.policies = {options.policies.front()};
  std::vector<double> capacities = capacities_of(measuring, closed);
  if (options.auto_rates) {
    options.rates = rates_below_and_beyond(std::ranges::max(capacities));
  } else {
    capacities.assign(options.policies.size(), 0);
  }

  Runner runner{options, experiment, scratch.path(), interrupts};
  say("memory         ");
  const double waiting_bytes =
      runner.waiting_bytes_per_job(options.rates[options.rates.size() / 2]);
  say(count_text(waiting_bytes) + " bytes of Redis for a job that waits\n");
  OpenComparison comparison{
      .name = experiment.name,
      .story = experiment.story,
      .machine = this_machine(),
      .redis_version = runner.server_usage().version,
      .redis = redis_text(options, private_server),
      .date = utc_now(),
      .policies = {},
      .capacities = capacities,
      .repetitions = options.repetitions,
      .concurrency = options.concurrency,
      .seconds = std::chrono::duration<double>(options.duration).count(),
      .budget_us = static_cast<double>(std::chrono::microseconds(options.budget).count()),
      .seed = options.seed,
      .redis_bytes_per_job = waiting_bytes,
      .settings = options.settings,
      .prices = prices,
      .runs = {}};
  for (const Policy& policy : options.policies) comparison.policies.push_back(policy.to_string());
  comparison.runs = run_all(runner, options, rungs_of(options.rates, capacities), prices);
  comparison.conclude();
  std::printf("\n%s", text_of(comparison).c_str());
  std::fflush(stdout);
  write_file("--json", options.json, json_of(comparison).dump(2) + "\n");
  write_file("--html", options.html, report::html_of(comparison));
  if (!options.html.empty()) std::printf("\nreport    %s\n", options.html.c_str());
  return 0;
}

}  // namespace ferry::compare
