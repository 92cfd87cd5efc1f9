// Does latency_budget(50ms) keep its budget, and at the cost that the simulation foretells?
//
// Handlers take the time of the design's model, 4 ms and 0.2 ms for each job, times a lognormal
// factor with a sigma of 0.15. They sleep for it: four that kept the processor busy would share the
// two of a small machine, and the question is when batches leave. Jobs come at random, on a
// schedule made beforehand; latency counts from the time on it to the end of the handler's call.
// The limit of a cost is what the same load costs in the simulation.
#include <optional>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "model_load.hpp"
#include "plan/simulation.hpp"
#include "questions.hpp"
#include "running_worker.hpp"
#include "statistics.hpp"

namespace ferry::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto budget = 50ms;
constexpr double rates[] = {100, 500, 2000, 5000};

/// The dial needs ten windows of 20 batches; they come sooner at this rate than at the slowest.
constexpr double teaching_rate = 1000;
constexpr auto teaching = 8s;

/// What the handlers saw.
class Seen {
 public:
  /// Batches with jobs that were due before do not count.
  explicit Seen(std::int64_t from_ns) : from_ns_(from_ns) {}

  void record(const ModelCall& call) {
    for (const Tick& tick : call.ticks) {
      if (tick.since_ns < from_ns_) return;
      latencies_.push_back(static_cast<double>(call.end_ns - tick.since_ns) / 1e6);
    }
    worker_ms_ += call.ms;
    ++batches_;
  }

  const std::vector<double>& latencies() const { return latencies_; }
  double cost() const { return worker_ms_ / static_cast<double>(latencies_.size()); }
  double mean_batch() const {
    return static_cast<double>(latencies_.size()) / static_cast<double>(batches_);
  }

 private:
  std::int64_t from_ns_;
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
  static std::chrono::milliseconds counted_time(bool quick) { return quick ? 2s : 12s; }

  static std::vector<Figure> figures_of(bool quick) {
    std::vector<Figure> figures;
    for (const double rate : rates) {
      for (const char* what : {"p99", "cost"}) {
        const bool p99 = std::string(what) == "p99";
        figures.push_back(
            {.name = name_of(what, rate),
             .unit = p99 ? "ms" : "worker-ms/job",
             .higher_is_better = false,
             .settings = {{"jobs_per_second", std::to_string(static_cast<int>(rate))},
                          {"seconds", std::to_string(counted_time(quick) / 1s)},
                          {"arrivals", "Poisson"},
                          {"policy", latency_budget(budget).to_string()},
                          {"handler", "sleeps for 4 + 0.2 n ms, sigma 0.15"},
                          {"latency_from", "the time on the schedule"},
                          {"latency_to", "the end of the handler's call"},
                          {"worker_concurrency", std::to_string(ModelHandler::concurrency)}},
             .goal = p99 ? Goal{Goal::Of::median, 50} : Goal{Goal::Of::ratio, 1.25}});
      }
    }
    return figures;
  }

  RedisOptions redis() const { return {.url = server_->url(), .prefix = "ferrybench"}; }

  void ask(double rate, Turn& turn) {
    const std::string queue = "budget-" + std::to_string(++run_);
    // Half as long again for sizes that differ from those it was taught with.
    const load::Schedule schedule = load::all_of(load::arrivals_of(
        {stretch(teaching, teaching_rate), stretch(counted_ / 2, rate), stretch(counted_, rate)},
        true, static_cast<std::uint64_t>(run_)));
    const auto start = Clock::now() + 200ms;
    const auto from = start + teaching + counted_ / 2;
    Seen seen(std::chrono::nanoseconds(from.time_since_epoch()).count());
    RunningWorker worker(
        worker_options(redis(), queue, ModelHandler::concurrency),
        model_handlers(latency_budget(budget), [&](const ModelCall& call) { seen.record(call); }));
    Client client({.redis = redis(), .queue = queue});
    worker.wait_until_up(redis(), queue);
    const load::Lag lag = send_ticks(client, schedule, start);
    client.flush();
    worker.wait_until_done(schedule.size());
    if (lag.too_much()) throw Failure("the generator lagged; is the machine busy?");

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
    turn.settings["worst_lag_us" + of] = number(static_cast<double>(lag.worst.count()) / 1e3);
  }

  static double simulated_cost(double rate) {
    detail::SimulationSettings settings;
    settings.policies = {latency_budget(budget)};
    settings.streams = {{rate}};
    settings.runners = ModelHandler::concurrency;
    settings.warm_up = 60s;
    settings.duration = 30s;
    return detail::simulate(settings).worker_ms_per_job();
  }

  std::chrono::milliseconds counted_;
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
