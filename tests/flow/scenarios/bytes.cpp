// Does a worker keep to its bytes, and Redis to short commands, when envelopes are large?

#include <algorithm>

#include "flow/scenarios/answers.hpp"
#include "flow/scenarios/scenario.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t mib = 1024 * 1024;
constexpr std::size_t large = 7 * mib + 9 * mib / 10;

/// How large envelopes come to a worker.
enum class Way { fetched, taken_over, due, after_small };

struct Cell {
  Way way;
  std::size_t jobs;
  std::size_t payload_bytes;
  std::size_t bytes_in_flight;
};

std::string name_of(Way way) {
  switch (way) {
    case Way::fetched:
      return "fetched";
    case Way::taken_over:
      return "taken over";
    case Way::due:
      return "coming due";
    case Way::after_small:
      return "small, then large";
  }
  return "?";
}

Mix mix_of(const Cell& cell) {
  Mix mix;
  mix.name = "bytes";
  mix.seed = 1;
  mix.max_bytes_in_flight = cell.bytes_in_flight;
  mix.workers = {{4, 0ms}};
  mix.lease = 1s;
  MixKind kind;
  kind.job_takes = 5ms;
  kind.payload_bytes = cell.payload_bytes;
  kind.jobs = cell.jobs;
  kind.envelope_jobs = 1;
  kind.arrivals = Arrivals::bulk;
  kind.stored_first = true;
  if (cell.way == Way::taken_over) {
    // The first one is still at its first jobs when it is killed.
    mix.workers = {{4, 60s}, {4, 0ms}};
  } else if (cell.way == Way::due) {
    // Storing takes that long: then all come due at once.
    const std::size_t all_mib = cell.jobs * cell.payload_bytes / mib;
    kind.all_due_at = std::chrono::milliseconds{3000 + 15 * all_mib};
  }
  mix.kinds = {kind};
  if (cell.way == Way::after_small) {
    MixKind small = kind;
    small.payload_bytes = 100;
    small.jobs = 20'000;
    small.job_takes = 0ms;
    small.envelope_jobs = 16;
    kind.from = 3s;  // all small ones are stored by then
    mix.kinds = {small, kind};
  }
  return mix;
}

double most_memory_mib(const LiveEvidence& evidence) {
  double most = 0;
  for (const WorkerEvidence& worker : evidence.workers) most = std::max(most, memory_mib(worker));
  return most;
}

LiveEvidence run(const Cell& cell) {
  LiveOptions options;
  options.slow_log = true;
  options.kill_first = cell.way == Way::taken_over;
  return run_live(mix_of(cell), options);
}

double bound_mib(const Cell& cell) {
  return static_cast<double>(cell.bytes_in_flight + cell.payload_bytes) / static_cast<double>(mib) +
         32;
}

void run_cell(const Cell& cell, const std::string& name, Sheet& sheet) {
  sheet.begin("bytes", name);
  const LiveEvidence evidence = run(cell);
  must_be_sound(sheet, evidence);
  sheet.at_most("worker's memory", most_memory_mib(evidence), bound_mib(cell), "MiB");
  const double plain_ms = static_cast<double>(evidence.plain_us) / 1e3;
  const double most_ms = cell.payload_bytes <= 4 * mib ? 20 : 3 * plain_ms;
  sheet.figure("plain HGET and XADD", plain_ms, "ms");
  sheet.figure("the longest of 60 of them", static_cast<double>(evidence.most_plain_us) / 1e3,
               "ms");
  sheet.at_most("longest command", static_cast<double>(evidence.slowest_us) / 1e3, most_ms, "ms");
  sheet.note("longest command: " + evidence.slowest_command);
  sheet.figure("seconds", seconds_of(evidence.ended - evidence.began), "s");
}

void run_brief(Sheet& sheet) {
  sheet.begin("bytes", "brief");
  const Cell cell{Way::fetched, 24, large, 16 * mib};
  const LiveEvidence evidence = run(cell);
  must_be_sound(sheet, evidence);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  sheet.must_hold("a worker keeps to its bytes", most_memory_mib(evidence) <= bound_mib(cell) + 32);
#endif
}

}  // namespace

void run_bytes(const ScenarioSettings& settings, Sheet& sheet) {
  if (settings.brief) return run_brief(sheet);
  for (const auto& [payload, jobs] :
       {std::pair<std::size_t, std::size_t>{large, 200}, {4 * mib, 300}, {256 * 1024, 2000}}) {
    for (const Way way : {Way::fetched, Way::taken_over, Way::due, Way::after_small}) {
      const std::string name = name_of(way) + ", " + std::to_string(jobs) + " of " +
                               std::to_string(payload / 1024) + " KiB";
      if (settings.wants(name)) run_cell({way, jobs, payload, 64 * mib}, name, sheet);
    }
  }
}

}  // namespace ferry::flow
