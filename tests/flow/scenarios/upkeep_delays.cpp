// How late do delayed jobs begin on many queues, also when the worker that looks after them dies or
// stands still?

#include <algorithm>
#include <csignal>
#include <thread>

#include "ferry/client.hpp"
#include "ferry/worker.hpp"
#include "flow/live/flow_job.hpp"
#include "flow/live/link.hpp"
#include "flow/scenarios/upkeep.hpp"
#include "flow/score/quantile.hpp"
#include "support/wait.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t queues = 256;
constexpr std::size_t workers = 3;
constexpr auto job_every = 5ms;
/// Shorter and longer than any nap of upkeep.
constexpr milliseconds delays[]{20ms, 50ms, 90ms, 150ms, 400ms, 1000ms, 3000ms};

enum class Keeper { lives, dies, stands_still };

struct Delayed {
  std::vector<std::int64_t> due_ns;
  std::int64_t struck_ns = 0;  ///< when the keeper died or stood still
};

/// Each job of a queue of its own, as far as there are queues. The due time is Redis's, which is
/// that of the call or a little later.
Delayed enqueue_delayed(const Link& link, WorkerProcess& keeper, Keeper fate, milliseconds before,
                        milliseconds after) {
  ClientOptions options;
  options.redis = link.reach();
  Client client(options);
  Delayed delayed;
  const auto began = Clock::now();
  for (std::uint64_t number = 0;; ++number) {
    const auto at = began + number * job_every;
    if (at > began + before + after) return delayed;
    std::this_thread::sleep_until(at);
    if (fate != Keeper::lives && delayed.struck_ns == 0 && at > began + before) {
      delayed.struck_ns = monotonic_ns();
      fate == Keeper::dies ? keeper.kill() : keeper.signal(SIGSTOP);
    }
    EnqueueOptions how;
    how.queue = queue_name(number * 97 % queues);
    how.run_after = delays[number % std::size(delays)];
    delayed.due_ns.push_back(monotonic_ns() + std::chrono::nanoseconds(how.run_after).count());
    client.enqueue(FlowJob<0>{number, {}}, how);
  }
}

/// Returns: of each job, when it first began; 0 = never.
std::vector<std::int64_t> begins_of(const std::vector<std::string>& files, std::size_t jobs) {
  std::vector<std::int64_t> begins(jobs, 0);
  for (const std::string& file : files) {
    for (const RunRecord& run : read_records<RunRecord>(file)) {
      std::int64_t& begin = begins.at(run.number);
      if (begin == 0 || run.begin_ns < begin) begin = run.begin_ns;
    }
  }
  return begins;
}

void run_cell(Keeper fate, milliseconds before, milliseconds after, Sheet& sheet) {
  const Mix mix = upkeep_mix(queues, workers, 0ms);
  const double lease_s = std::chrono::duration<double>(WorkerOptions{}.lease).count();
  const Link link(mix, 5ms);
  std::vector<std::unique_ptr<WorkerProcess>> all;
  std::vector<std::string> files;
  // The first one keeps all queues.
  for (std::size_t i = 0; i < workers; ++i) {
    all.push_back(link.start_and_wait(i));
    sheet.must_hold("a worker starts", all.back() != nullptr);
    if (all.back() == nullptr) return sheet.note(link.log());
    files.push_back(all.back()->runs_path());
  }
  const Delayed delayed = enqueue_delayed(link, *all[0], fate, before, after);
  std::vector<std::int64_t> begins;
  const auto all_begun = [&] {
    begins = begins_of(files, delayed.due_ns.size());
    return std::ranges::find(begins, 0) == begins.end();
  };
  test::eventually(all_begun, 30s);
  sheet.must("every job begins", std::ranges::count(begins, 0));
  std::vector<Moment> late;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    if (begins[i] > 0) late.push_back(std::chrono::nanoseconds(begins[i] - delayed.due_ns[i]));
  }
  const auto late_s = [&](double part) {
    return std::chrono::duration<double>(quantile(late, part)).count();
  };
  if (fate == Keeper::lives) {
    sheet.at_most("late, p99", 1e3 * late_s(0.99), 150, "ms");
    sheet.figure("late, p50", 1e3 * late_s(0.5), "ms");
    sheet.figure("late, most", 1e3 * late_s(1), "ms");
  } else {
    sheet.at_most("late, most", late_s(1), lease_s + 1, "s");
    sheet.figure("late, p50", 1e3 * late_s(0.5), "ms");
  }
  sheet.figure("jobs", static_cast<double>(begins.size()), "jobs");
}

}  // namespace

void delay_cells(const ScenarioSettings& settings, Sheet& sheet) {
  const auto cell = [&](const std::string& name, Keeper fate, milliseconds before,
                        milliseconds after) {
    if (!settings.wants(name)) return;
    sheet.begin("upkeep", name);
    run_cell(fate, before, after, sheet);
  };
  cell("delayed, 256 queues, 5 ms", Keeper::lives, 20s, 0s);
  cell("delayed, the keeper dies", Keeper::dies, 5s, 10s);
  cell("delayed, the keeper stands still", Keeper::stands_still, 5s, 10s);
}

}  // namespace ferry::flow
