// One run at a rate:
//
//   reset ─> worker process ─> ready ─> INFO ─> producer process ─> looks at the counts until all
//   is settled or the time is up ─> INFO ─> TERM ─> audit ─> reports ─> figures ─> remove the keys
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "compare/books.hpp"
#include "compare/roles.hpp"
#include "compare/runner.hpp"
#include "ferry/queue.hpp"
#include "load/schedule.hpp"

namespace ferry::compare {
namespace {

using std::chrono::milliseconds;

/// Between two looks at the counts: random, so that no rhythm of a policy meets that of the looks.
constexpr int shortest_look_us = 2000;
constexpr int longest_look_us = 6000;
constexpr milliseconds look_every{5};
/// So that what Redis takes for itself meanwhile hardly counts.
constexpr double fewest_waiting_jobs = 500;
/// How long jobs may take that have not ended with the load, in budgets and at least and at most.
constexpr int budgets_to_end = 10;
constexpr milliseconds shortest_end{500};
constexpr milliseconds longest_end{2000};

/// How many of a schedule's jobs have come at which time.
class Offered {
 public:
  Offered(double rate, milliseconds duration, std::uint64_t seed)
      : schedule_(load::random_schedule(rate, duration, seed)) {}

  double until(double seconds) const {
    const auto at = std::chrono::round<std::chrono::nanoseconds>(
        std::chrono::duration<double>(std::max(seconds, 0.0)));
    return static_cast<double>(std::ranges::upper_bound(schedule_, at) - schedule_.begin());
  }

 private:
  load::Schedule schedule_;
};

/// A quantile of all jobs, those that did not end counting as slower than every other.
double quantile_of_all(const Histogram& done, double quantile, double all) {
  const double of_done =
      quantile * all / static_cast<double>(std::max<std::uint64_t>(done.count(), 1));
  if (done.count() == 0 || of_done > 1) return std::numeric_limits<double>::infinity();
  return static_cast<double>(done.at(of_done));
}

void take_latencies(OpenRun& run, const WorkerReport& worked) {
  const double all = std::max(run.offered - run.shed, run.done);
  run.p50 = quantile_of_all(worked.latency, 0.5, all);
  run.p90 = quantile_of_all(worked.latency, 0.9, all);
  run.p99 = quantile_of_all(worked.latency, 0.99, all);
  run.p999 = quantile_of_all(worked.latency, 0.999, all);
  run.mean = worked.mean;
}

/// The worker knows what lies before it only as a whole; the producer's part of that is what it
/// waited for Redis's word, but never more than the whole, for the worker may be the quicker one.
void take_stages(OpenRun& run, const ProducerReport& enqueued, const WorkerReport& worked) {
  if (run.done <= 0) return;
  const double before = worked.stages.before_us / run.done;
  const double enqueue =
      std::clamp(enqueued.load.stored_after_us.mean(), 0.0, std::max(before, 0.0));
  run.stages = {enqueue,
                before - enqueue,
                std::max(0.0, worked.stages.retry_us / run.done),
                worked.stages.hold_us / run.done,
                worked.stages.credit_us / run.done,
                worked.stages.run_us / run.done,
                worked.stages.settle_us / run.done};
}

}  // namespace

std::vector<Runner::Look> Runner::watch(const Place& place, Child& producer, Child& worker) {
  std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> pause(shortest_look_us, longest_look_us);
  const milliseconds end = std::clamp(options_.budget * budgets_to_end, shortest_end, longest_end);
  std::vector<Look> looks;
  double stored_at = 0;
  while (true) {
    const double before = monotonic_seconds();
    const bool all_sent = producer.poll().has_value();
    if (all_sent && *producer.poll() != 0) require_alive(producer);
    const Progress now = progress(place.keys);
    const double after = monotonic_seconds();
    looks.push_back({(before + after) / 2, now.settled()});
    if (now.dead > 0) {
      throw Error(ErrorCode::internal,
                  "the run failed: " + std::to_string(now.dead) + " jobs became dead letters");
    }
    if (all_sent) {
      if (now.settled() >= now.accepted) return looks;
      if (stored_at == 0) stored_at = after;
      if (after - stored_at > std::chrono::duration<double>(end).count()) return looks;
    }
    require_alive(worker);
    interrupts_.sleep(std::chrono::microseconds{pause(random)});
  }
}

/// Source: https://redis.io/docs/latest/commands/memory-usage/
double Runner::waiting_bytes(const Keys& keys) {
  double bytes = 0;
  for (const auto& key : keys.ready) {
    const auto reply = connection_.call({"MEMORY", "USAGE", key, "SAMPLES", "0"});
    bytes += reply->root().is_nil() ? 0 : static_cast<double>(reply->root().integer);
  }
  return bytes;
}

double Runner::waiting_bytes_per_job(double rate) {
  constexpr milliseconds first_jobs{100};
  const Place place = next_place();
  const Cleaner cleaner{*this, place};
  connection_.connect();
  if (experiment_.reset) experiment_.reset();
  rate = std::max(rate,
                  fewest_waiting_jobs / std::chrono::duration<double>(options_.duration).count());
  const auto produce = [&](milliseconds duration) {
    auto words = arguments("produce", place.prefix, place.producer_file);
    words.insert(words.end(),
                 {"--limit", std::to_string(options_.limit), "--rate", std::to_string(rate),
                  "--duration", std::to_string(duration.count()) + "ms", "--seed", "1"});
    Child producer{"producer", words};
    while (!producer.poll()) interrupts_.sleep(look_every);
    if (*producer.poll() != 0) require_alive(producer);
    return read_producer_report(place.producer_file).load.stored;
  };
  // Makes the keys, which cost the same for any number of jobs.
  produce(first_jobs);
  const double before = waiting_bytes(place.keys);
  const auto stored = static_cast<double>(produce(options_.duration));
  return stored > 0 ? (waiting_bytes(place.keys) - before) / stored : 0;
}

OpenRun Runner::run_open(const Policy& policy, double rate, std::size_t repetition,
                         std::uint64_t seed, const Prices& prices) {
  const std::string rate_text = std::to_string(rate);
  rate = std::strtod(rate_text.c_str(), nullptr);  // the schedule has to be the producer's
  const Place place = next_place();
  const Cleaner cleaner{*this, place};
  connection_.connect();
  if (experiment_.reset) experiment_.reset();
  auto produce = arguments("produce", place.prefix, place.producer_file);
  produce.insert(produce.end(), {"--limit", std::to_string(options_.limit), "--rate", rate_text,
                                 "--duration", std::to_string(options_.duration.count()) + "ms",
                                 "--seed", std::to_string(seed)});
  Child worker{"worker", worker_arguments(policy, place)};
  await_worker(place.keys, worker);
  const ServerUsage before = server_usage();
  Child producer{"producer", produce};
  const std::vector<Look> looks = watch(place, producer, worker);
  const ServerUsage after = server_usage();
  stop(worker);
  Queue queue{{.url = options_.redis, .prefix = place.prefix}, experiment_.queue};
  const AuditReport audit = queue.audit();

  const ProducerReport enqueued = read_producer_report(place.producer_file);
  const WorkerReport worked = read_worker_report(place.worker_file);
  const load::Figures& load = enqueued.load;
  OpenRun run;
  run.policy = policy.to_string();
  run.rate = rate;
  run.repetition = repetition;
  run.seconds = std::chrono::duration<double>(options_.duration).count();
  run.offered = static_cast<double>(load.offered);
  run.shed = static_cast<double>(load.dropped + load.refused + load.failed) + worked.expired;
  run.done = static_cast<double>(worked.done);
  run.within_budget = worked.within_budget;
  run.retried = static_cast<double>(worked.retried);
  run.unfinished =
      std::max(run.offered - run.shed - static_cast<double>(looks.back().settled), 0.0);
  take_latencies(run, worked);
  take_stages(run, enqueued, worked);
  run.mean_batch = worked.mean_batch;
  run.left_for = worked.left_for;
  run.producer_cpu = enqueued.cpu;
  run.redis_cpu = after.cpu_microseconds - before.cpu_microseconds;
  run.worker_cpu = worked.cpu;
  run.handler_time = worked.handler_time;
  run.processor_wait = worked.processor_wait;
  run.run_p50 = worked.run_p50;
  run.run_p90 = worked.run_p90;
  run.redis_commands =
      static_cast<double>(after.commands - before.commands) - static_cast<double>(looks.size() + 1);
  run.round_trips = enqueued.round_trips + worked.round_trips;
  run.bytes = enqueued.bytes + worked.bytes;
  run.memory_bytes = enqueued.memory_bytes + worked.memory_bytes + after.memory_bytes;
  run.late = static_cast<double>(load.lag.late);
  run.worst_lag = static_cast<double>(load.lag.worst.count()) / 1e3;
  run.lagged = load.lag.too_much();
  run.books = wrong_in_books(audit, static_cast<std::int64_t>(load.stored), worked.done);

  const Offered offered(rate, options_.duration, seed);
  std::vector<Sample> samples;
  for (const Look& look : looks) {
    const double at = look.at - enqueued.began;
    if (at < 0) continue;
    samples.push_back(
        {at, std::max(offered.until(at) - run.shed - static_cast<double>(look.settled), 0.0)});
    if (at <= run.seconds) run.done_in_time = static_cast<double>(look.settled);
  }
  const double seconds = samples.empty() ? run.seconds : samples.back().seconds;
  run.steady = run.unfinished == 0 && !grew(samples, run.seconds, run.offered);
  if (run.unfinished == 0 && run.shed == 0) {
    // Redis counts a job as done somewhere between the handler's end and the worker's hearing of
    // it.
    const double half_of_settle = run.stages.back() / 2 / 1e6;
    run.little =
        check_little(samples, run.done / seconds, run.mean / 1e6 - half_of_settle, half_of_settle);
  }
  const double core_seconds = (run.paid_worker_time() + run.producer_cpu + run.redis_cpu) / 1e6;
  run.price = price_per_million(prices, {core_seconds, run.memory_bytes / 1e9 * seconds}, run.done);
  return run;
}

}  // namespace ferry::compare
