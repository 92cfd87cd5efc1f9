// A worker with a job in hand is killed: when does another one begin it?

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "ferry/client.hpp"
#include "flow/live/flow_job.hpp"
#include "flow/live/link.hpp"
#include "flow/scenarios/upkeep.hpp"
#include "support/wait.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Cell {
  std::size_t queues;
  microseconds round_trip;  ///< 0 = that of a socket of this machine, about 0.1 ms
  milliseconds lease;
};

struct Outcome {
  bool refused = false;   ///< a worker said at its start that the lease is too short
  double seconds = -1;    ///< from the kill to the next begin; below 0 = never
  std::string trouble{};  ///< what kept it from being measured
};

std::string name_of(const Cell& cell) {
  return "take-over, " + std::to_string(cell.queues) + " queues, " +
         round_trip_name(cell.round_trip) + ", lease " + std::to_string(cell.lease.count()) + "ms";
}

double asked_of(const Cell& cell) { return std::chrono::duration<double>(cell.lease + 1s).count(); }

Outcome could_not_start(const Link& link) {
  Outcome outcome;
  outcome.refused = link.refused_for_lease();
  if (!outcome.refused) outcome.trouble = "a worker did not start: " + link.log();
  return outcome;
}

/// The victim came first, so it keeps every queue: what it looked after has to be taken over too.
/// `phase`: within the periods of heartbeat and upkeep.
Outcome take_over(const Cell& cell, milliseconds phase, std::chrono::seconds at_most) {
  Mix mix = upkeep_mix(cell.queues, 2, cell.lease);
  mix.workers[0].call_takes = 5min;
  const Link link(mix, cell.round_trip);
  const auto victim = link.start_and_wait(0);
  if (victim == nullptr) return could_not_start(link);
  ClientOptions options;
  options.redis = link.reach();
  options.queue = queue_name(cell.queues - 1);
  Client client(options);
  client.enqueue(FlowJob<0>{0, {}});
  if (!test::eventually([&] { return victim->note().jobs_out > 0; }, 60s)) {
    return {.trouble = "the victim took no job: " + link.log()};
  }
  const auto heir = link.start_and_wait(1);
  if (heir == nullptr) return could_not_start(link);
  std::this_thread::sleep_for(cell.lease + phase);
  const std::int64_t killed = monotonic_ns();
  victim->kill();
  std::vector<RunRecord> runs;
  const auto begun = [&] {
    runs = read_records<RunRecord>(heir->runs_path());
    return !runs.empty() || heir->has_ended();
  };
  test::eventually(begun, at_most);
  Outcome outcome;
  if (runs.empty()) {
    outcome.trouble = "not taken over: " + link.log();
  } else {
    outcome.seconds = static_cast<double>(runs.front().begin_ns - killed) / 1e9;
  }
  return outcome;
}

/// Cells whose processes together leave the machine idle for most of the time run side by side.
std::vector<Outcome> take_over_all(const std::vector<Cell>& cells, std::size_t at_once) {
  std::vector<Outcome> outcomes(cells.size());
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < at_once; ++i) {
    threads.emplace_back([&] {
      for (std::size_t cell = next++; cell < cells.size(); cell = next++) {
        try {
          const milliseconds phase{467 * cell % 1500};
          outcomes[cell] = take_over(cells[cell], phase, 15s);
        } catch (const std::exception& error) {
          outcomes[cell].trouble = error.what();
        }
      }
    });
  }
  threads.clear();
  return outcomes;
}

/// Returns: whether it was refused at its start.
bool tell(const Cell& cell, const Outcome& outcome, Sheet& sheet) {
  sheet.begin("upkeep", name_of(cell));
  sheet.must_hold("refused with a reason, or run", outcome.trouble.empty());
  if (!outcome.trouble.empty()) sheet.note(outcome.trouble);
  if (outcome.refused) {
    sheet.at_most("refused at start, with a lease of",
                  std::chrono::duration<double>(cell.lease).count(), 0.5, "s");
  } else {
    const double seconds = outcome.seconds < 0 ? 1e6 : outcome.seconds;
    sheet.at_most("begun by another worker after", seconds, asked_of(cell), "s");
  }
  return outcome.refused;
}

}  // namespace

void take_over_cells(const ScenarioSettings& settings, Sheet& sheet) {
  std::size_t refused = 0;
  std::size_t run = 0;
  for (const std::size_t queues : {1, 16, 64, 256}) {
    std::vector<Cell> cells;
    for (const microseconds round_trip : {0us, 5000us, 10'000us, 20'000us}) {
      for (const milliseconds lease : {200ms, 500ms, 1000ms, 3000ms}) {
        const Cell cell{queues, round_trip, lease};
        if (settings.wants(name_of(cell))) cells.push_back(cell);
      }
    }
    const auto outcomes = take_over_all(cells, queues > 64 ? 2 : 4);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      refused += tell(cells[i], outcomes[i], sheet) ? 1 : 0;
    }
    run += cells.size();
  }
  if (run == 0) return;
  sheet.begin("upkeep", "take-over, all " + std::to_string(run));
  sheet.at_most("refused at start", static_cast<double>(refused), 8, "cells");
}

void take_over_brief(Sheet& sheet) {
  sheet.begin("upkeep", "brief");
  const Outcome outcome = take_over({16, 5000us, 3000ms}, 0ms, 60s);
  if (!outcome.trouble.empty()) sheet.note(outcome.trouble);
  sheet.must_hold("a dead worker's job is taken over", outcome.seconds >= 0);
}

}  // namespace ferry::flow
