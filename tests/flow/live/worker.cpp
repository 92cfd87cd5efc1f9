// A worker for a mix: its handlers take the time that the mix says, and write down when they ran.
#include "ferry/worker.hpp"

#include <sys/prctl.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "fault/harness/arguments.hpp"
#include "fault/harness/records.hpp"
#include "flow/live/flow_job.hpp"
#include "flow/live/records.hpp"
#include "flow/mix/mix_json.hpp"
#include "support/child.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;
using fault::RecordFile;
using std::chrono::microseconds;

constexpr auto note_every = 10ms;

void take_time(microseconds time, bool spins) {
  if (time <= 0us) return;
  if (!spins) return std::this_thread::sleep_for(time);
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
  }
}

/// The handlers of a mix in one worker.
class MixHandlers {
 public:
  MixHandlers(const Mix& mix, const MixWorker& worker, const RecordFile& runs)
      : worker_(worker), runs_(runs) {
    for (std::size_t i = 0; i < mix.kinds.size(); ++i) {
      with_kind(i, [&]<std::size_t index>() { add<index>(mix.kinds[i]); });
    }
  }

  Handlers take() { return std::move(handlers_); }

 private:
  template <std::size_t index>
  void add(const MixKind& kind) {
    HandlerOptions options;
    options.concurrency = kind.concurrency;
    if (kind.per_job) {
      handlers_.on<FlowJob<index>>(
          kind.policy,
          [this, kind](const JobContext&, const FlowJob<index>& job) {
            run(kind, index, std::span(&job.number, 1));
          },
          options);
      return;
    }
    handlers_.on_batch<FlowJob<index>>(
        kind.policy,
        [this, kind](Batch<FlowJob<index>>& batch) {
          std::vector<std::uint64_t> numbers;
          numbers.reserve(batch.size());
          for (const auto& item : batch) numbers.push_back(item->number);
          run(kind, index, numbers);
        },
        options);
  }

  void run(const MixKind& kind, std::size_t index, std::span<const std::uint64_t> numbers) {
    const std::int64_t begin = monotonic_ns();
    take_time(
        worker_.call_takes.count() > 0
            ? microseconds(worker_.call_takes)
            : kind.call_takes + kind.job_takes * static_cast<microseconds::rep>(numbers.size()),
        kind.spins);
    const std::int64_t end = monotonic_ns();
    std::vector<RunRecord> records;
    records.reserve(numbers.size());
    const std::uint64_t call = ++calls_;
    for (const std::uint64_t number : numbers) {
      records.push_back({number, call, begin, end, static_cast<std::uint32_t>(numbers.size()),
                         static_cast<std::uint32_t>(index)});
    }
    runs_.append(std::span<const RunRecord>(records));
  }

  const MixWorker& worker_;
  const RecordFile& runs_;
  std::atomic<std::uint64_t> calls_{0};
  Handlers handlers_;
};

/// Counters that some versions of the worker have and others have not.
template <typename Stats>
std::int64_t given_back(const Stats& stats) {
  if constexpr (requires { stats.given_back; }) return static_cast<std::int64_t>(stats.given_back);
  return 0;
}
template <typename Stats>
std::int64_t set_aside(const Stats& stats) {
  if constexpr (requires { stats.set_aside; }) return static_cast<std::int64_t>(stats.set_aside);
  return 0;
}

/// Writes the worker's own counts down, often, since it may be killed before it could tell them.
class NoteTaker {
 public:
  NoteTaker(const Worker& worker, const std::string& path)
      : worker_(worker),
        file_(path),
        thread_([this](const std::stop_token& stop) { loop(stop); }) {}

 private:
  void loop(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any changed;
    while (true) {
      take();
      file_.overwrite(note_);
      if (stop.stop_requested()) return;
      std::unique_lock lock(mutex);
      changed.wait_for(lock, stop, note_every, [] { return false; });
    }
  }

  void take() {
    const WorkerStats stats = worker_.stats();
    const auto signed_of = [](std::uint64_t count) { return static_cast<std::int64_t>(count); };
    note_.ready = stats.round_trips > 1 ? 1 : 0;
    note_.done = signed_of(stats.done);
    note_.fetched_jobs = signed_of(stats.fetched_jobs);
    note_.fetched_envelopes = signed_of(stats.fetched_envelopes);
    note_.batches = signed_of(stats.batches);
    note_.retried = signed_of(stats.retried);
    note_.failed = signed_of(stats.failed);
    note_.expired = signed_of(stats.expired);
    note_.released = signed_of(stats.released);
    note_.postponed = signed_of(stats.postponed);
    note_.stale = signed_of(stats.stale);
    note_.promoted_jobs = signed_of(stats.promoted_jobs);
    note_.reclaimed_envelopes = signed_of(stats.reclaimed_envelopes);
    note_.given_back = given_back(stats);
    note_.set_aside = set_aside(stats);
    note_.jobs_out = stats.credit_jobs_out;
    note_.most_jobs_out = std::max(note_.most_jobs_out, stats.credit_jobs_out);
    if (stats.credit_jobs_out + stats.credit_jobs_free != stats.credit_jobs_total) {
      ++note_.credits_off;
    }
  }

  const Worker& worker_;
  RecordFile file_;
  WorkerNote note_;
  std::jthread thread_;
};

WorkerOptions options_of(const Mix& mix, const MixWorker& worker) {
  WorkerOptions options;
  options.queues.clear();
  for (std::size_t i = 0; i < mix.queue_weights.size(); ++i) {
    options.queues.push_back({queue_name(i), mix.queue_weights[i]});
  }
  options.concurrency = worker.concurrency;
  if (mix.max_jobs_in_flight > 0) options.max_jobs_in_flight = mix.max_jobs_in_flight;
  if (mix.max_bytes_in_flight > 0) options.max_bytes_in_flight = mix.max_bytes_in_flight;
  if (mix.lease.count() > 0) options.lease = mix.lease;
  options.print_stats_on_stop = false;
  return options;
}

}  // namespace
}  // namespace ferry::flow

int main(int argc, char** argv) {
  using namespace ferry;
  test::Child::die_with_parent();
  // Handlers that sleep for 50 µs are not to sleep for 100; threads inherit it.
  ::prctl(PR_SET_TIMERSLACK, 1);
  const fault::Arguments arguments(argc, argv,
                                   {{"--redis", ""},
                                    {"--mix", ""},
                                    {"--index", "0"},
                                    {"--runs", ""},
                                    {"--note", ""},
                                    {"--name", ""}});
  std::ifstream in(arguments.text("--mix"));
  const flow::Mix mix = flow::mix_of(nlohmann::ordered_json::parse(in));
  const flow::MixWorker& own =
      mix.workers.at(static_cast<std::size_t>(arguments.number("--index")));
  WorkerOptions options = flow::options_of(mix, own);
  options.redis.url = arguments.text("--redis");
  options.name = arguments.text("--name");
  const fault::RecordFile runs(arguments.text("--runs"));
  flow::MixHandlers handlers(mix, own, runs);
  Worker worker(options, handlers.take());
  const StopOnSignal stop(worker);
  const flow::NoteTaker notes(worker, arguments.text("--note"));
  return worker.run();
}
