// One run:
//
//   reset ─> worker process ─> ready ─> INFO ─> producer process ─> all settled? ─> INFO ─> TERM
//                                                             ^──────┘
//   ─> exit codes ─> both reports ─> audit ─> verify ─> remove the keys
#include "compare/runner.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "compare/roles.hpp"
#include "ferry/queue.hpp"

namespace ferry::compare {
namespace {

using std::chrono::milliseconds;

/// While something is started or stopped.
constexpr milliseconds look_every{5};
/// While jobs are worked on: each look costs Redis a command, each pause may be how late the end of
/// the run is seen. A hundredth of the run keeps both errors small.
constexpr milliseconds shortest_pause{2};
constexpr milliseconds longest_pause{50};
/// A worker that has not joined by then never will.
constexpr double seconds_to_start = 30;
/// Nothing settled for that long: something is wrong. Longer than any sensible handler's call.
constexpr double seconds_to_stall = 120;
constexpr double seconds_to_stop = 60;

[[noreturn]] void failed(const std::string& message) {
  throw Error(ErrorCode::internal, "the run failed: " + message);
}

std::int64_t number(const redis::Reply& reply) {
  return reply.is_nil() ? 0 : std::strtoll(std::string(reply.text).c_str(), nullptr, 10);
}

milliseconds pause_after(double elapsed_seconds) {
  const milliseconds hundredth{static_cast<std::int64_t>(elapsed_seconds * 1000 / 100)};
  return std::clamp(hundredth, shortest_pause, longest_pause);
}

}  // namespace

Runner::Cleaner::~Cleaner() {
  try {
    runner.remove(place);
  } catch (const Error&) {
    // Redis is gone, and what led here says so already.
  }
}

Runner::Runner(const Options& options, const Experiment& experiment, std::filesystem::path scratch,
               const Interrupts& interrupts)
    : options_(options),
      experiment_(experiment),
      scratch_(std::move(scratch)),
      interrupts_(interrupts),
      connection_(RedisOptions{.url = options.redis}) {}

ServerUsage Runner::server_usage() {
  connection_.connect();
  return read_server_usage(
      connection_.call({"INFO", "server", "cpu", "stats", "memory"})->root().text);
}

std::vector<std::string> Runner::arguments(const std::string& role, const std::string& prefix,
                                           const std::filesystem::path& report) const {
  std::vector<std::string> all{
      experiment_.name, role,       "--redis",       options_.redis, "--prefix",
      prefix,           "--report", report.string(), "--scratch",    scratch_.string()};
  for (const auto& [name, value] : options_.settings) {
    all.push_back("--" + name + "=" + value);
  }
  return all;
}

Runner::Place Runner::next_place() {
  const std::string number = std::to_string(++runs_);
  const std::string prefix = "ferry-compare-" + std::to_string(getpid()) + "-" + number;
  return {prefix, Keys{prefix, experiment_.queue}, scratch_ / ("worker-" + number + ".json"),
          scratch_ / ("producer-" + number + ".json")};
}

std::vector<std::string> Runner::worker_arguments(const Policy& policy, const Place& place) const {
  auto work = arguments("work", place.prefix, place.worker_file);
  work.insert(work.end(), {"--policy", policy.to_string(), "--concurrency",
                           std::to_string(options_.concurrency), "--budget",
                           std::to_string(options_.budget.count()) + "ms"});
  return work;
}

RunReport Runner::run(const Policy& policy, std::size_t repetition) {
  const Place place = next_place();
  const Keys& keys = place.keys;
  const Cleaner cleaner{*this, place};

  connection_.connect();
  if (experiment_.reset) experiment_.reset();
  auto produce = arguments("produce", place.prefix, place.producer_file);
  produce.insert(produce.end(), {"--limit", std::to_string(options_.limit)});

  Child worker{"worker", worker_arguments(policy, place)};
  await_worker(keys, worker);
  const ServerUsage before = server_usage();
  std::uint64_t own_commands = 1;  // the INFO above counts itself only after its reply
  Child producer{"producer", produce};
  const double ended = drain(keys, producer, worker, place.producer_file, own_commands);
  const ServerUsage after = server_usage();
  stop(worker);

  const ProducerReport enqueued = read_producer_report(place.producer_file);
  const WorkerReport worked = read_worker_report(place.worker_file);
  check_books(place.prefix, enqueued.jobs);
  if (experiment_.verify) experiment_.verify(enqueued.jobs);
  return {.policy = policy.to_string(),
          .repetition = repetition,
          .jobs = enqueued.jobs,
          .retried = worked.retried,
          .seconds = ended - enqueued.began,
          .p50 = worked.p50,
          .p99 = worked.p99,
          .mean_batch = worked.mean_batch,
          .redis_commands = static_cast<double>(after.commands - before.commands - own_commands),
          .round_trips = enqueued.round_trips + worked.round_trips,
          .producer_cpu = enqueued.cpu,
          .redis_cpu = after.cpu_microseconds - before.cpu_microseconds,
          .worker_cpu = worked.cpu};
}

void Runner::require_alive(Child& child) const {
  const auto code = child.poll();
  if (!code) return;
  // Ctrl-C reaches the whole group, and the child may have been quicker.
  interrupts_.sleep(milliseconds{0});
  failed("the " + child.name() + " process ended early with exit code " + std::to_string(*code));
}

void Runner::await_worker(const Keys& keys, Child& worker) {
  const double deadline = monotonic_seconds() + seconds_to_start;
  while (connection_.call({"HLEN", keys.workers})->root().integer == 0) {
    require_alive(worker);
    if (monotonic_seconds() > deadline) failed("the worker did not join its queue");
    interrupts_.sleep(look_every);
  }
}

/// Returns: when the last job was settled, in monotonic seconds.
double Runner::drain(const Keys& keys, Child& producer, Child& worker,
                     const std::filesystem::path& producer_report, std::uint64_t& own_commands) {
  const double began = monotonic_seconds();
  double changed = began;
  std::int64_t settled = -1;
  std::int64_t expected = -1;
  while (true) {
    if (expected < 0 && producer.poll()) {
      if (*producer.poll() != 0) require_alive(producer);
      const ProducerReport report = read_producer_report(producer_report);
      expected = report.jobs;
      if (report.failed > 0) failed(std::to_string(report.failed) + " jobs could not be enqueued");
      if (expected == 0) failed("the producer enqueued no job: nothing to compare");
    }
    const Progress now = progress(keys);
    ++own_commands;
    if (now.settled() != settled) {
      settled = now.settled();
      changed = monotonic_seconds();
    }
    if (now.dead > 0) failed(std::to_string(now.dead) + " jobs became dead letters");
    if (now.dropped > 0) {
      failed(std::to_string(now.dropped) +
             " jobs expired, were shed or cancelled; compare a policy that sheds with --rates");
    }
    if (expected >= 0 && settled >= expected) return changed;
    require_alive(worker);
    if (monotonic_seconds() - changed > seconds_to_stall) {
      failed("nothing was settled for " + std::to_string(static_cast<int>(seconds_to_stall)) +
             " s; " + std::to_string(settled) + " of " + std::to_string(now.accepted) +
             " jobs are");
    }
    interrupts_.sleep(pause_after(monotonic_seconds() - began));
  }
}

Runner::Progress Runner::progress(const Keys& keys) {
  const auto reply =
      connection_.call({"HMGET", keys.state, "accepted", "done", "dead", "expired", "cancelled"});
  const redis::Reply& counts = reply->root();
  return {number(counts[0]), number(counts[1]), number(counts[2]),
          number(counts[3]) + number(counts[4])};
}

void Runner::stop(Child& worker) {
  worker.terminate();
  const double deadline = monotonic_seconds() + seconds_to_stop;
  while (!worker.poll()) {
    if (monotonic_seconds() > deadline) failed("the worker did not stop when asked to");
    interrupts_.sleep(look_every);
  }
  if (const int code = *worker.poll(); code != 0) {
    failed("the worker process ended with exit code " + std::to_string(code));
  }
}

void Runner::check_books(const std::string& prefix, std::int64_t jobs) const {
  Queue queue{{.url = options_.redis, .prefix = prefix}, experiment_.queue};
  const AuditReport audit = queue.audit();
  if (!audit.balanced()) failed("the books do not balance: " + audit.violations.front());
  if (audit.counts.done != jobs || audit.counts.accepted != jobs) {
    failed(std::to_string(jobs) + " jobs were enqueued, " + std::to_string(audit.counts.accepted) +
           " accepted, " + std::to_string(audit.counts.done) + " done");
  }
}

void Runner::remove(const Place& place) {
  connection_.connect();
  const Keys connecting{place.prefix, connecting_queue};
  for (const Keys* keys : {&place.keys, &connecting}) {
    connection_.call({"UNLINK", keys->state, keys->control, keys->producers, keys->workers,
                      keys->progress, keys->due, keys->parked, keys->dead, keys->ready[0],
                      keys->ready[1], keys->ready[2]});
  }
  connection_.call({"UNLINK", queues_key(place.prefix)});
}

}  // namespace ferry::compare
