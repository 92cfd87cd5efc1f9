// How near does Ferry come to what Redis can do at all?
//
// Each measurement is a ratio: Ferry with all it promises, beside plain streams without any of it
// (see limit.hpp), in turn on the same server, so that what else the machine does meets both.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "figures.hpp"
#include "runs.hpp"
#include "surroundings.hpp"

namespace {

using ferry::Durability;
using ferry::bench::Figure;
using ferry::bench::Load;
using ferry::bench::Runs;

struct Settings {
  std::vector<std::string> only;
  std::string json;
  int repetitions = 7;
  bool quick = false;
};

struct Measurement {
  std::string name;
  Load load;
  Load limit_load;
  double (Runs::*ours)(const Load&);
  double (Runs::*limit)(const Load&);
  Durability durability = Durability::none;
};

/// As many jobs as keep a run going for some tenths of a second, in whole envelopes.
std::size_t jobs_for(std::size_t jobs_per_envelope, bool quick) {
  std::size_t jobs = jobs_per_envelope == 1   ? 128'000
                     : jobs_per_envelope < 64 ? 640'000
                                              : 1'280'000;
  if (quick) jobs /= 5;
  return jobs / jobs_per_envelope * jobs_per_envelope;
}

Load load_of(std::size_t jobs_per_envelope, bool quick) {
  return {.jobs = jobs_for(jobs_per_envelope, quick), .jobs_per_envelope = jobs_per_envelope};
}

std::vector<Measurement> all_measurements(bool quick) {
  std::vector<Measurement> list;
  const auto add = [&](std::string name, const Load& load, auto ours, auto limit,
                       Durability durability = Durability::none) {
    Load limit_load = load;
    // Rates are compared, and a run of a few hundredths of a second has none.
    if (load.jobs_per_envelope > 1) limit_load.jobs *= 3;
    list.push_back({std::move(name), load, limit_load, ours, limit, durability});
  };
  const std::size_t sizes[] = {1, 10, 64, 256, 1000};
  for (const std::size_t size : sizes) {
    add("enqueue_all_" + std::to_string(size), load_of(size, quick), &Runs::enqueue_all,
        &Runs::limit_enqueue);
  }
  for (const std::size_t size : sizes) {
    add("drain_batch_" + std::to_string(size), load_of(size, quick), &Runs::drain_batch,
        &Runs::limit_drain);
  }
  add("drain_job_256", load_of(256, quick), &Runs::drain_job, &Runs::limit_drain);

  // Ferry forms envelopes as the jobs come; whoever uses plain XADD stores one entry for each job.
  Load threads = load_of(256, quick);
  threads.threads = 64;
  threads.jobs = quick ? 64'000 : 320'000;
  add("enqueue_async_64", threads, &Runs::enqueue_async, &Runs::limit_enqueue);
  list.back().limit_load = load_of(1, quick);
  threads.jobs = quick ? 32'000 : 160'000;
  add("enqueue_sync_64", threads, &Runs::enqueue_sync, &Runs::limit_enqueue);
  list.back().limit_load = load_of(1, quick);

  add("steady_256_everysec", load_of(256, quick), &Runs::steady, &Runs::limit_steady,
      Durability::everysec);
  return list;
}

void describe(Figure& figure, const Measurement& of) {
  figure.settings["jobs"] = std::to_string(of.load.jobs);
  figure.settings["payload_bytes"] = std::to_string(of.load.payload_bytes);
  figure.settings["max_jobs_per_envelope"] = std::to_string(of.load.jobs_per_envelope);
  figure.settings["limit_jobs"] = std::to_string(of.limit_load.jobs);
  figure.settings["limit_jobs_per_envelope"] = std::to_string(of.limit_load.jobs_per_envelope);
  figure.settings["producer_threads"] = std::to_string(of.load.threads);
  figure.settings["worker_concurrency"] = std::to_string(of.load.concurrency);
  figure.settings["aof"] = of.durability == Durability::none ? "off" : "everysec";
}

Figure measure(const Measurement& measurement, int repetitions, bool surroundings_first) {
  Runs runs{measurement.durability};
  const auto surroundings = ferry::bench::look_around(runs.redis());
  if (surroundings_first) std::fputs((surroundings.to_text() + "\n").c_str(), stdout);

  Figure figure{.name = measurement.name, .unit = "jobs/s"};
  describe(figure, measurement);
  figure.settings["machine"] = surroundings.machine;
  figure.settings["compiler"] = surroundings.compiler;
  for (const auto& [name, value] : surroundings.redis) figure.settings["redis " + name] = value;
  if (surroundings.load) figure.settings["load"] = std::to_string(*surroundings.load);

  const auto ours = [&] { return (runs.*measurement.ours)(measurement.load); };
  const auto limit = [&] { return (runs.*measurement.limit)(measurement.limit_load); };
  // The first turn warms up: functions are loaded, memory is asked for.
  for (int turn = 0; turn <= repetitions; ++turn) {
    std::fprintf(stderr, "\r%-24s %d of %d ", measurement.name.c_str(), turn, repetitions);
    // They take turns in going first, so that neither always meets the other's warm caches.
    double bound = turn % 2 == 0 ? limit() : 0;
    const double mine = ours();
    if (turn % 2 != 0) bound = limit();
    if (turn == 0) continue;
    figure.samples.push_back(mine);
    figure.limit_samples.push_back(bound);
  }
  std::fprintf(stderr, "\r%40s\r", "");
  figure.settings.insert(runs.seen().begin(), runs.seen().end());
  return figure;
}

void run(const Settings& settings) {
  auto measurements = all_measurements(settings.quick);
  for (const auto& name : settings.only) {
    if (std::ranges::none_of(measurements, [&](const auto& m) { return m.name == name; })) {
      std::string names;
      for (const auto& measurement : measurements) names += " " + measurement.name;
      throw ferry::bench::Failure("--only " + name + ": there is no such measurement; choose from" +
                                  names);
    }
  }
  std::vector<Figure> figures;
  for (const auto& measurement : measurements) {
    if (!settings.only.empty() && !std::ranges::count(settings.only, measurement.name)) continue;
    figures.push_back(measure(measurement, settings.repetitions, figures.empty()));
  }
  std::printf(
      "Payload 100 bytes; one server for each measurement, unix socket, AOF off unless the name "
      "says otherwise;\nhandlers do nothing, 2 side by side; ratios are of neighbouring runs.\n\n");
  std::fputs(ferry::bench::to_table(figures).c_str(), stdout);
  if (!settings.json.empty()) ferry::bench::write_json(settings.json, figures);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app{"How near Ferry comes to plain Redis streams, as a ratio"};
  app.add_option("--only", settings.only, "names of measurements");
  app.add_option("--json", settings.json, "also write the figures to this file");
  auto* repetitions =
      app.add_option("--repetitions", settings.repetitions)->check(CLI::Range(1, 100));
  app.add_flag("--quick", settings.quick,
               "a fifth of the jobs, 3 repetitions: to see that it runs");
  CLI11_PARSE(app, argc, argv);
  if (settings.quick && repetitions->count() == 0) settings.repetitions = 3;
  try {
    run(settings);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "wire_speed: %s\n", e.what());
    return 1;
  }
}
