// Does latency_budget(50ms) keep its budget, and at the cost that the simulation foretells?
//
// Handlers take the time of the design's model, 4 ms and 0.2 ms for each job, times a lognormal
// factor with a sigma of 0.15. They sleep for it: four that kept the processor busy would share the
// two of a small machine, and the question is when batches leave. Jobs come at random, on a
// schedule made beforehand; latency counts from the time on it to the end of the handler's call.
// The limit of a cost is what the same load costs in the simulation.
#include <cmath>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "load/lag.hpp"
#include "load/schedule.hpp"
#include "plan/simulation.hpp"
#include "questions.hpp"
#include "running_worker.hpp"
#include "statistics.hpp"
#include "tick.hpp"

namespace ferry::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto budget = 50ms;
constexpr std::size_t concurrency = 4;
constexpr double rates[] = {100, 500, 2000, 5000};

/// The dial needs ten windows of 20 batches; they come sooner at this rate than at the slowest.
constexpr double teaching_rate = 1000;
constexpr auto teaching = 8s;

/// What the handler saw.
///
/// Threads: any.
class Seen {
 public:
  double factor() {
    const std::lock_guard lock(mutex_);
    return std::exp(0.15 * normal_(random_));
  }

  void record(std::vector<Tick> ticks, std::int64_t end_ns, double ms) {
    const std::lock_guard lock(mutex_);
    for (const Tick& tick : ticks) {
      if (tick.since_ns < from_ns_) return;
      latencies_.push_back(static_cast<double>(end_ns - tick.since_ns) / 1e6);
    }
    worker_ms_ += ms;
    ++batches_;
  }

  /// Batches with jobs that were due before do not count.
  void count_from(Clock::time_point from) {
    const std::lock_guard lock(mutex_);
    from_ns_ = std::chrono::nanoseconds(from.time_since_epoch()).count();
  }

  std::vector<double> latencies() const { return latencies_; }
  double cost() const { return worker_ms_ / static_cast<double>(latencies_.size()); }
  double mean_batch() const {
    return static_cast<double>(latencies_.size()) / static_cast<double>(batches_);
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 random_{1};
  std::normal_distribution<double> normal_;
  std::int64_t from_ns_ = INT64_MAX;
  std::vector<double> latencies_;
  double worker_ms_ = 0;
  std::size_t batches_ = 0;
};

std::string name_of(const char* what, double rate) {
  return std::string("budget_") + what + "_" + std::to_string(static_cast<int>(rate));
}

class LatencyBudget : public Question {
 public:
  explicit LatencyBudget(bool quick) : Question(figures_of(quick)), counted_(counted_time(quick)) {}

  void begin() override { server_.emplace(); }

  Turn turn(bool /*limit_first*/) override {
    Turn turn;
    for (const double rate : rates) ask(rate, turn);
    return turn;
  }

 private:
  static std::chrono::seconds counted_time(bool quick) { return quick ? 2s : 12s; }

  static std::vector<Figure> figures_of(bool quick) {
    std::vector<Figure> figures;
    for (const double rate : rates) {
      for (const char* what : {"p99", "cost"}) {
        const bool p99 = std::string(what) == "p99";
        figures.push_back({.name = name_of(what, rate),
                           .unit = p99 ? "ms" : "worker-ms/job",
                           .higher_is_better = false,
                           .settings = {{"jobs_per_second", std::to_string(static_cast<int>(rate))},
                                        {"seconds", std::to_string(counted_time(quick).count())},
                                        {"arrivals", "Poisson"},
                                        {"policy", latency_budget(budget).to_string()},
                                        {"handler", "sleeps for 4 + 0.2 n ms, sigma 0.15"},
                                        {"latency_from", "the time on the schedule"},
                                        {"latency_to", "the end of the handler's call"},
                                        {"worker_concurrency", std::to_string(concurrency)}},
                           .goal = p99 ? Goal{Goal::Of::median, 50} : Goal{Goal::Of::ratio, 1.25}});
      }
    }
    return figures;
  }

  RedisOptions redis() const { return {.url = server_->url(), .prefix = "ferrybench"}; }

  static Handlers handlers_of(Seen& seen) {
    Handlers handlers;
    handlers.on_batch<Tick>(latency_budget(budget), [&](Batch<Tick>& batch) {
      const auto begin = Clock::now();
      const double ms = (4 + 0.2 * static_cast<double>(batch.size())) * seen.factor();
      std::this_thread::sleep_until(begin + std::chrono::microseconds(std::lround(1e3 * ms)));
      const auto end = Clock::now();
      std::vector<Tick> ticks;
      for (const auto& item : batch) ticks.push_back(item.job());
      seen.record(std::move(ticks), std::chrono::nanoseconds(end.time_since_epoch()).count(),
                  std::chrono::duration<double, std::milli>(end - begin).count());
    });
    return handlers;
  }

  static void send(Client& client, const load::Schedule& schedule, load::Lag& lag) {
    const auto start = Clock::now();
    for (const auto at : schedule) {
      const auto intended = start + at;
      std::this_thread::sleep_until(intended);
      lag.record(Clock::now() - intended);
      client.enqueue_async(Tick{std::chrono::nanoseconds(intended.time_since_epoch()).count()});
    }
  }

  void ask(double rate, Turn& turn) {
    const std::string queue = "budget-" + std::to_string(++run_);
    const auto seed = static_cast<std::uint64_t>(run_);
    Seen seen;
    load::Lag lag;
    RunningWorker worker(worker_options(redis(), queue, concurrency), handlers_of(seen));
    Client client({.redis = redis(), .queue = queue});
    worker.wait_until_up(redis(), queue);
    send(client, load::random_schedule(teaching_rate, teaching, seed), lag);
    // Half as long again for sizes that differ from those it was taught with.
    send(client, load::random_schedule(rate, counted_ / 2, seed), lag);
    seen.count_from(Clock::now());
    const load::Schedule schedule = load::random_schedule(rate, counted_, seed + 100);
    load::Lag counted_lag;
    send(client, schedule, counted_lag);
    client.flush();
    worker.wait_until_done(lag.sent + schedule.size());
    if (counted_lag.too_much()) throw Failure("the generator lagged; is the machine busy?");

    const double simulated = simulated_cost(rate);
    turn.samples.push_back({quantile(seen.latencies(), 0.99)});
    turn.samples.push_back({seen.cost(), simulated});
    const WorkerStats stats = worker.stats();
    const std::string of = "_at_" + std::to_string(static_cast<int>(rate));
    turn.settings["mean_batch" + of] = number(seen.mean_batch());
    turn.settings["simulated_cost" + of] = number(simulated);
    turn.settings["over_budget" + of] =
        number(static_cast<double>(
                   std::ranges::count_if(seen.latencies(), [](double ms) { return ms > 50; })) /
               static_cast<double>(seen.latencies().size()));
    if (stats.budgets.empty()) throw Failure("nothing was learned");
    turn.settings["dial" + of] = number(stats.budgets[0].dial);
    turn.settings["learned_fixed_us" + of] = number(stats.budgets[0].fixed_us);
    turn.settings["learned_per_job_us" + of] = number(stats.budgets[0].per_job_us);
    turn.settings["worst_lag_us" + of] =
        number(static_cast<double>(counted_lag.worst.count()) / 1e3);
  }

  static double simulated_cost(double rate) {
    detail::SimulationSettings settings;
    settings.policies = {latency_budget(budget)};
    settings.streams = {{rate}};
    settings.runners = concurrency;
    settings.warm_up = 60s;
    settings.duration = 30s;
    return detail::simulate(settings).worker_ms_per_job();
  }

  std::chrono::seconds counted_;
  std::optional<PrivateRedis> server_;
  int run_ = 0;
};

}  // namespace

Questions latency_budget_kept(bool quick) {
  Questions list;
  list.push_back(std::make_unique<LatencyBudget>(quick));
  return list;
}

}  // namespace ferry::bench
