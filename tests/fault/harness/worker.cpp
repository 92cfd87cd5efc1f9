// A worker that can be killed at any moment: its handlers write each effect down before they
// return.
#include "ferry/worker.hpp"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "fault/harness/arguments.hpp"
#include "fault/harness/fault_job.hpp"
#include "fault/harness/records.hpp"
#include "support/child.hpp"

namespace ferry::fault {
namespace {

using namespace std::chrono_literals;

/// A batch takes as long as one single job, and for each of its jobs a part of that.
constexpr std::size_t cheaper_in_a_batch = 20;

Effect effect_of(std::uint64_t number, const JobContext& context) {
  return {number, context.id, monotonic_us(), static_cast<std::uint32_t>(context.attempt),
          static_cast<std::uint32_t>(context.deliveries)};
}

bool wants_another_run(std::uint64_t number, const JobContext& context) {
  return number % retried_each == 0 && context.attempt == 1;
}

template <typename T>
void run_batch(const RecordFile& effects, Batch<T>& batch) {
  std::vector<Effect> ran;
  for (auto& item : batch) {
    if (wants_another_run(item->number, item.context())) {
      item.retry_after(30ms, "asked for");
    } else {
      ran.push_back(effect_of(item->number, item.context()));
    }
  }
  effects.append(std::span<const Effect>(ran));
}

/// Handlers take a moment, so that a worker that is killed holds something.
Handlers make_handlers(const RecordFile& effects, std::chrono::microseconds work) {
  Handlers handlers;
  handlers.on<SingleJob>([&effects, work](const JobContext& context, const SingleJob& job) {
    if (wants_another_run(job.number, context)) return retry_after(30ms, "asked for");
    std::this_thread::sleep_for(work);
    const Effect effect = effect_of(job.number, context);
    effects.append(std::span(&effect, 1));
    return done();
  });
  handlers.on_batch<BatchedJob>(realtime(200), [&effects, work](Batch<BatchedJob>& batch) {
    std::this_thread::sleep_for(work + batch.size() * work / cheaper_in_a_batch);
    run_batch(effects, batch);
  });
  handlers.on_batch<KeyedJob>(fixed(20, 200ms), [&effects, work](Batch<KeyedJob>& batch) {
    std::this_thread::sleep_for(work);
    run_batch(effects, batch);
  });
  HandlerOptions one_at_a_time;
  one_at_a_time.concurrency = 1;
  handlers.on<SlowJob>(
      [&effects](const JobContext& context, const SlowJob& job) {
        if (wants_another_run(job.number, context)) return retry_after(30ms, "asked for");
        std::this_thread::sleep_for(10ms);
        const Effect effect = effect_of(job.number, context);
        effects.append(std::span(&effect, 1));
        return done();
      },
      one_at_a_time);
  return handlers;
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
      const WorkerStats stats = worker_.stats();
      file_.overwrite(WorkerNote{stats.stale, stats.reclaimed_envelopes, stats.done});
      if (stop.stop_requested()) return;
      std::unique_lock lock(mutex);
      changed.wait_for(lock, stop, 50ms, [] { return false; });
    }
  }

  const Worker& worker_;
  RecordFile file_;
  std::jthread thread_;
};

}  // namespace
}  // namespace ferry::fault

int main(int argc, char** argv) {
  using namespace ferry;
  test::Child::die_with_parent();
  const fault::Arguments arguments(argc, argv,
                                   {{"--redis", ""},
                                    {"--effects", ""},
                                    {"--note", ""},
                                    {"--name", "worker"},
                                    {"--concurrency", "4"},
                                    {"--lease-ms", "3000"},
                                    {"--work-us", "500"},
                                    {"--in-flight", "40000"}});
  WorkerOptions options;
  options.redis.url = arguments.text("--redis");
  options.name = arguments.text("--name");
  options.concurrency = static_cast<std::size_t>(arguments.number("--concurrency"));
  options.lease = std::chrono::milliseconds{arguments.number("--lease-ms")};
  options.max_jobs_in_flight = static_cast<std::size_t>(arguments.number("--in-flight"));
  options.print_stats_on_stop = false;
  const std::chrono::microseconds work{arguments.number("--work-us")};
  const fault::RecordFile effects(arguments.text("--effects"));
  Worker worker(options, fault::make_handlers(effects, work));
  const StopOnSignal stop(worker);
  const fault::NoteTaker notes(worker, arguments.text("--note"));
  return worker.run();
}
