#include "compare/comparison.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "compare/runner.hpp"
#include "compare/table.hpp"
#include "redis/url.hpp"
#include "scratch_folder.hpp"

namespace ferry::compare {
namespace {

void require_writable(const std::filesystem::path& file) {
  if (file.empty()) return;
  if (!std::ofstream(file, std::ios::app)) {
    throw Error(ErrorCode::invalid_argument, "--json " + file.string() + " cannot be written");
  }
}

RunReport announced(Runner& runner, const Policy& policy, std::size_t repetition,
                    const std::string& label) {
  std::fprintf(stderr, "%-14s %-18s ", label.c_str(), policy.to_string().c_str());
  std::fflush(stderr);
  RunReport report;
  try {
    report = runner.run(policy, repetition);
  } catch (...) {
    std::fprintf(stderr, "\n");
    throw;
  }
  std::fprintf(
      stderr, "%s jobs in %s, %s jobs/s\n", count_text(static_cast<double>(report.jobs)).c_str(),
      duration_text(report.seconds * 1e6).c_str(), count_text(report.jobs_per_second()).c_str());
  return report;
}

/// Every repetition holds each policy once, in an order of its own, so that what changes on the
/// machine meanwhile meets all of them alike.
std::vector<RunReport> run_all(Runner& runner, const Options& options) {
  std::mt19937_64 random{options.seed};
  const std::size_t total = options.repetitions * options.policies.size();
  // Fills the system's caches; with the last policy because the first is usually the slowest.
  announced(runner, options.policies.back(), 0, "warm-up");
  std::vector<RunReport> runs;
  for (std::size_t repetition = 1; repetition <= options.repetitions; ++repetition) {
    std::vector<Policy> order = options.policies;
    std::ranges::shuffle(order, random);
    for (const Policy& policy : order) {
      const std::string label =
          "run " + std::to_string(runs.size() + 1) + " of " + std::to_string(total);
      runs.push_back(announced(runner, policy, repetition, label));
    }
  }
  return runs;
}

}  // namespace

std::string redis_text(const Options& options, bool private_server) {
  if (private_server) return "private, fsync " + std::string(to_string(options.fsync));
  return "at " + redis::parse_url(options.redis).redacted() + ", its own settings";
}

int run_comparison(Options options, const Experiment& experiment) {
  require_writable(options.json);
  if (!options.seed_given) options.seed = std::random_device{}();
  const bool private_server = options.redis.empty();
  std::optional<PrivateRedis> server;
  if (private_server) {
    // Before signals are held back, which the server would inherit.
    server.emplace(PrivateRedisOptions{.fsync = options.fsync});
    options.redis = server->url();
    std::fprintf(stderr, "started a private Redis, %s\n", options.redis.c_str());
  }
  const Interrupts interrupts;
  const ScratchFolder scratch;
  if (experiment.configure) experiment.configure({scratch.path(), options.settings});

  Runner runner{options, experiment, scratch.path(), interrupts};
  Comparison comparison{.name = experiment.name,
                        .story = experiment.story,
                        .machine = this_machine(),
                        .redis_version = runner.server_usage().version,
                        .redis = redis_text(options, private_server),
                        .policies = {},
                        .repetitions = options.repetitions,
                        .limit = options.limit,
                        .concurrency = options.concurrency,
                        .seed = options.seed,
                        .settings = options.settings,
                        .runs = {}};
  for (const Policy& policy : options.policies) comparison.policies.push_back(policy.to_string());
  comparison.runs = run_all(runner, options);
  std::fprintf(stderr, "\n");
  std::printf("%s", text_of(comparison).c_str());
  if (experiment.show) std::printf("\n%s", experiment.show().c_str());
  std::fflush(stdout);
  if (!options.json.empty()) {
    std::ofstream out(options.json);
    out << json_of(comparison).dump(2) << '\n';
    out.close();
    if (!out) {
      throw Error(ErrorCode::internal, "--json " + options.json.string() + " cannot be written");
    }
  }
  return 0;
}

}  // namespace ferry::compare
