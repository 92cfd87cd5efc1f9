// How long do jobs wait for their handler at half and at four fifths of what the worker can do?
//
// First a closed run finds the capacity: how many jobs a second one handler at a time does that
// needs 50 µs of the processor for each. Then jobs come at random, on a schedule made beforehand,
// and latency counts from the time a job was meant to be sent, whenever it was. No limit: what is
// there is queueing, whose least length is known (M/D/1), and the machine's noise.
#include <optional>
#include <string>
#include <thread>

#include "ferry/client.hpp"
#include "load/lag.hpp"
#include "load/schedule.hpp"
#include "questions.hpp"
#include "running_worker.hpp"
#include "spend_cpu.hpp"
#include "statistics.hpp"
#include "tick.hpp"

namespace ferry::bench {
namespace {

constexpr std::size_t concurrency = 1;

struct OpenRun {
  double p50 = 0;
  double p99 = 0;
  load::Lag lag{};
  std::size_t left = 0;  ///< jobs that had not started when the last one was sent
};

class LoadLatency : public Question {
 public:
  LoadLatency(std::chrono::milliseconds duration, std::size_t closed_jobs)
      : Question(figures_of(duration)), duration_(duration), closed_jobs_(closed_jobs) {}

  void begin() override { server_.emplace(); }

  Turn turn(bool /*limit_first*/) override {
    const double capacity = closed_run();
    const OpenRun half = open_run(0.5 * capacity);
    const OpenRun high = open_run(0.8 * capacity);
    return {{{half.p50}, {half.p99}, {high.p50}, {high.p99}},
            {{"capacity_jobs_per_second", number(capacity)},
             {"not_started_at_the_end_at_50", std::to_string(half.left)},
             {"not_started_at_the_end_at_80", std::to_string(high.left)},
             {"late_sends_at_50", std::to_string(half.lag.late)},
             {"late_sends_at_80", std::to_string(high.lag.late)},
             {"worst_lag_us_at_50", number(static_cast<double>(half.lag.worst.count()) / 1e3)},
             {"worst_lag_us_at_80", number(static_cast<double>(high.lag.worst.count()) / 1e3)}}};
  }

 private:
  static std::vector<Figure> figures_of(std::chrono::milliseconds duration) {
    std::vector<Figure> figures;
    for (const char* name :
         {"latency_50_p50", "latency_50_p99", "latency_80_p50", "latency_80_p99"}) {
      figures.push_back({.name = name,
                         .unit = "µs",
                         .higher_is_better = false,
                         .settings = {{"milliseconds", std::to_string(duration.count())},
                                      {"latency_from", "the time on the schedule"},
                                      {"latency_to", "the handler's start"},
                                      {"arrivals", "Poisson"},
                                      {"handler_cpu_us", std::to_string(handler_cpu.count())},
                                      {"worker_concurrency", std::to_string(concurrency)}}});
    }
    return figures;
  }

  RedisOptions redis() const { return {.url = server_->url(), .prefix = "ferrybench"}; }
  std::string new_queue() { return "load-" + std::to_string(++turn_); }

  double closed_run() {
    const std::string queue = new_queue();
    {
      Client client({.redis = redis(), .queue = queue});
      for (const auto& result : client.enqueue_all(std::vector<Tick>(closed_jobs_))) {
        if (!result) throw Failure("a job was not stored");
      }
    }
    Handlers handlers;
    handlers.on<Tick>([](const JobContext&, const Tick&) { spend_cpu(handler_cpu); });
    const Stopwatch watch;
    RunningWorker worker(worker_options(redis(), queue, concurrency), std::move(handlers));
    worker.wait_until_done(closed_jobs_);
    return static_cast<double>(closed_jobs_) / watch.seconds();
  }

  OpenRun open_run(double per_second) {
    const std::string queue = new_queue();
    const load::Schedule schedule =
        load::random_schedule(per_second, duration_, static_cast<std::uint64_t>(turn_));
    Arrivals arrivals(schedule.size());
    Handlers handlers;
    handlers.on<Tick>([&](const JobContext&, const Tick& tick) {
      arrivals.record(tick);
      spend_cpu(handler_cpu);
    });
    RunningWorker worker(worker_options(redis(), queue, concurrency), std::move(handlers));
    Client client({.redis = redis(), .queue = queue});
    client.enqueue(Tick{}, {.queue = "connects"});
    worker.wait_until_up(redis(), queue);
    OpenRun run;
    const auto start = Clock::now();
    for (const auto at : schedule) {
      const auto intended = start + at;
      std::this_thread::sleep_until(intended);
      run.lag.record(Clock::now() - intended);
      static_cast<void>(client.enqueue_async(
          Tick{std::chrono::nanoseconds(intended.time_since_epoch()).count()}));
    }
    run.left = schedule.size() - arrivals.count();
    client.flush();
    worker.wait_until_done(schedule.size());
    if (run.lag.too_much()) {
      throw Failure("the generator lagged: " + std::to_string(run.lag.late) + " of " +
                    std::to_string(run.lag.sent) +
                    " jobs were sent more than 10 ms late; is the machine busy?");
    }
    run.p50 = quantile(arrivals.microseconds(), 0.5);
    run.p99 = quantile(arrivals.microseconds(), 0.99);
    return run;
  }

  std::chrono::milliseconds duration_;
  std::size_t closed_jobs_;
  std::optional<PrivateRedis> server_;
  int turn_ = 0;
};

}  // namespace

Questions load_latency(bool quick) {
  Questions list;
  list.push_back(std::make_unique<LoadLatency>(std::chrono::milliseconds(quick ? 1000 : 5000),
                                               quick ? 10'000 : 40'000));
  return list;
}

}  // namespace ferry::bench
