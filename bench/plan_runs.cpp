#include "plan_runs.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "compare/server_usage.hpp"
#include "ferry/client.hpp"
#include "model_load.hpp"
#include "redis/connection.hpp"
#include "running_worker.hpp"
#include "statistics.hpp"

namespace ferry::bench {
namespace {

double cpu_us(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

compare::ServerUsage usage_of(redis::Connection& connection) {
  const auto reply = connection.call({"INFO", "server", "cpu", "stats", "memory"});
  return compare::read_server_usage(reply->root().text);
}

/// What handlers saw.
class Seen {
 public:
  void record(const ModelCall& call) {
    runs_us_.push_back(call.ms * 1e3);
    for (const Tick& tick : call.ticks) {
      if (tick.since_ns < counted_from_ns) continue;
      latencies_us_.push_back(static_cast<double>(call.end_ns - tick.since_ns) / 1e3);
    }
  }

  std::int64_t counted_from_ns = 0;

  const std::vector<double>& runs_us() const { return runs_us_; }
  const std::vector<double>& latencies_us() const { return latencies_us_; }

 private:
  std::vector<double> runs_us_;
  std::vector<double> latencies_us_;
};

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

Handlers handlers_of(const Policy& policy, Seen& seen) {
  return model_handlers(policy, [&seen](const ModelCall& call) { seen.record(call); });
}

std::string new_queue() {
  static std::atomic<int> number{0};
  return "plan-" + std::to_string(++number);
}

/// Sends the schedule; every job carries the time it was meant for.
///
/// Returns: the processor time that took this thread, µs.
double send(Client& client, const load::Schedule& schedule, Clock::time_point start) {
  const double before = cpu_us(RUSAGE_THREAD);
  const load::Lag lag = send_ticks(client, schedule, start);
  client.flush();
  if (lag.too_much()) {
    throw Failure("the generator lagged: " + std::to_string(lag.late) + " of " +
                  std::to_string(lag.sent) + " jobs were sent more than 10 ms late");
  }
  return cpu_us(RUSAGE_THREAD) - before;
}

/// The parts of latency that are no holding and no waiting for a handler show where nobody waits.
void add_stages(nlohmann::json& run, const ModelRun& asked, const Seen& seen, double settle_us) {
  const double busy =
      asked.rate * mean(seen.runs_us()) / 1e6 / static_cast<double>(ModelHandler::concurrency);
  if (asked.policy.kind != PolicyKind::realtime || busy > 0.3) return;
  const double before = mean(seen.latencies_us()) - mean(seen.runs_us());
  run["stages_us_per_job"] = {
      {"enqueue", std::max(0.0, before)}, {"wait", 0}, {"settle", settle_us}};
}

}  // namespace

nlohmann::json run_model(const RedisOptions& redis, const ModelRun& asked) {
  const std::string queue = new_queue();
  redis::Connection connection{redis};
  connection.connect();
  const auto duration = asked.warm_up + asked.duration;
  const load::Schedule schedule = load::random_schedule(asked.rate, duration, asked.seed);
  Seen seen;
  RunningWorker worker(worker_options(redis, queue, ModelHandler::concurrency),
                       handlers_of(asked.policy, seen));
  Client client({.redis = redis, .queue = queue});
  client.enqueue(Tick{}, {.queue = "connects"});
  worker.wait_until_up(redis, queue);
  const compare::ServerUsage before = usage_of(connection);
  const double process_before = cpu_us(RUSAGE_SELF);
  const auto start = Clock::now();
  seen.counted_from_ns =
      std::chrono::nanoseconds((start + asked.warm_up).time_since_epoch()).count();
  const double producer = send(client, schedule, start);
  worker.wait_until_done(schedule.size());
  const double process = cpu_us(RUSAGE_SELF) - process_before;
  const compare::ServerUsage after = usage_of(connection);
  const WorkerStats stats = worker.stats();
  const ClientStats sent = client.stats();
  worker.quiet();
  const double jobs = static_cast<double>(schedule.size());
  // The histogram counts from the client's clock, which may be a little behind the schedule's.
  const double settle_us = std::max(
      0.0, stats.enqueue_to_settled.mean() - stats.enqueue_to_start.mean() - mean(seen.runs_us()));
  nlohmann::json run{
      {"policy", asked.policy.to_string()},
      {"rate", asked.rate},
      {"seconds", std::chrono::duration<double>(duration).count()},
      {"warm_up_seconds", std::chrono::duration<double>(asked.warm_up).count()},
      {"done", jobs},
      {"mean_batch", stats.batch_size.mean()},
      {"handler_time_us", mean(seen.runs_us()) * static_cast<double>(seen.runs_us().size())},
      {"worker_cpu_us", process - producer},
      {"producer_cpu_us", producer},
      {"redis_cpu_us", after.cpu_microseconds - before.cpu_microseconds},
      {"redis_commands", static_cast<double>(after.commands - before.commands)},
      {"bytes",
       static_cast<double>(stats.bytes_in + stats.bytes_out + sent.bytes_in + sent.bytes_out)},
      {"mean_us", mean(seen.latencies_us()) + settle_us},
      {"p99_us", quantile(seen.latencies_us(), 0.99) + settle_us},
      {"run_p50_us", quantile(seen.runs_us(), 0.5)},
      {"run_p90_us", quantile(seen.runs_us(), 0.9)},
      {"lagged", false}};
  add_stages(run, asked, seen, settle_us);
  return run;
}

double drain_model(const RedisOptions& redis, const Policy& policy, std::size_t jobs) {
  const std::string queue = new_queue();
  {
    Client client({.redis = redis, .queue = queue});
    for (const auto& result : client.enqueue_all(std::vector<Tick>(jobs))) {
      if (!result) throw Failure("a job was not stored");
    }
  }
  // As plan::drained_per_second has it: all of them are late when the worker starts.
  std::this_thread::sleep_for(std::max(std::chrono::microseconds{1'000'000}, 2 * policy.budget));
  Seen seen;
  RunningWorker worker(worker_options(redis, queue, ModelHandler::concurrency),
                       handlers_of(policy, seen));
  // The middle: at first nothing is learned, at the end there is too little to fill the handlers.
  worker.wait_until_done(jobs / 4);
  const Stopwatch watch;
  const auto first = static_cast<double>(worker.stats().done);
  worker.wait_until_done(jobs * 3 / 4);
  const double rate = (static_cast<double>(worker.stats().done) - first) / watch.seconds();
  worker.wait_until_done(jobs);
  return rate;
}

}  // namespace ferry::bench
