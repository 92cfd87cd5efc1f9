// Twice as many jobs as the worker can do, for five seconds: how many stay within their budget, and
// how soon do all again?
//
// The handler and the clocks are those of latency_budget.cpp. The capacity is what four handlers do
// in full batches without a budget; before and after the overload half of it is offered. Jobs do
// not expire: each one is run in the end.
#include <array>
#include <optional>
#include <string>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "model_load.hpp"
#include "questions.hpp"
#include "running_worker.hpp"

namespace ferry::bench {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr auto budget = 50ms;
constexpr std::size_t most_jobs = 500;
constexpr double capacity =
    1e3 * ModelHandler::concurrency * most_jobs /
    (ModelHandler::fixed_ms + ModelHandler::per_job_ms * static_cast<double>(most_jobs));

constexpr auto teaching = 8s;
constexpr double teaching_rate = 1000;
constexpr auto before = 3s;
constexpr auto overload = 5s;
constexpr auto afterwards = 5s;

/// What the handlers saw, in tenths of a second since the overload began.
class Seen {
 public:
  explicit Seen(Clock::time_point begin) : begin_(begin) {}

  void record(const ModelCall& call) {
    const auto most = static_cast<std::int64_t>(std::chrono::nanoseconds(budget).count());
    for (const Tick& tick : call.ticks) {
      const bool late = call.end_ns - tick.since_ns > most;
      if (!late && during(call.end_ns)) ++good_during_;
      const auto since = Clock::time_point(std::chrono::nanoseconds(tick.since_ns)) - begin_;
      if (since >= -before && since < 0s) before_.add(late);
      if (since >= overload + 1s) after_.add(late);
      if (since >= overload && since < overload + afterwards) {
        tenths_[static_cast<std::size_t>((since - overload) / 100ms)].add(late);
      }
    }
  }

  double goodput() const { return good_during_ / Seconds(overload).count(); }

  /// Returns: from when after the overload's end on at most 5 % of the jobs meant for any half
  /// second were late, in s to the next tenth, at least one. Jobs of a batch are late together, so
  /// with 1 % it would be chance.
  double recovered_after() const {
    std::size_t bad_until = 0;
    for (std::size_t i = 0; i + 5 <= tenths_.size(); ++i) {
      Share half_second;
      for (std::size_t k = i; k < i + 5; ++k) {
        half_second.jobs += tenths_[k].jobs;
        half_second.late += tenths_[k].late;
      }
      if (half_second.value() > 0.05) bad_until = i + 1;
    }
    return static_cast<double>(bad_until + 1) / 10;
  }

  double late_before() const { return before_.value(); }
  /// From a second after its end on.
  double late_after() const { return after_.value(); }

 private:
  bool during(std::int64_t at_ns) const {
    const auto since = Clock::time_point(std::chrono::nanoseconds(at_ns)) - begin_;
    return since >= 0s && since < overload;
  }

  struct Share {
    double jobs = 0;
    double late = 0;

    void add(bool is_late) {
      ++jobs;
      if (is_late) ++late;
    }
    double value() const { return jobs == 0 ? 0 : late / jobs; }
  };

  Clock::time_point begin_;
  double good_during_ = 0;
  Share before_;
  Share after_;
  std::array<Share, afterwards / 100ms> tenths_{};
};

class Overload : public Question {
 public:
  explicit Overload(bool quick) : Question(figures()), quick_(quick) {}

  void begin() override { server_.emplace(); }

  Turn turn(bool /*limit_first*/) override {
    const std::string queue = "overload-" + std::to_string(++run_);
    const load::Schedule schedule = load::all_of(load::arrivals_of(
        {stretch(quick_ ? 2s : teaching, teaching_rate), stretch(before, capacity / 2),
         stretch(overload, 2 * capacity), stretch(afterwards, capacity / 2)},
        true, static_cast<std::uint64_t>(run_)));
    const auto start = Clock::now() + 200ms;
    Seen seen(start + (quick_ ? 2s : teaching) + before);
    RunningWorker worker(worker_options(redis(), queue, ModelHandler::concurrency),
                         model_handlers(latency_budget(budget, most_jobs),
                                        [&](const ModelCall& call) { seen.record(call); }));
    Client client({.redis = redis(), .queue = queue});
    worker.wait_until_up(redis(), queue);
    const load::Lag lag = send_ticks(client, schedule, start);
    client.flush();
    const WorkerStats at_end = worker.stats();
    worker.wait_until_done(schedule.size());
    if (lag.too_much()) throw Failure("the generator lagged; is the machine busy?");
    const WorkerStats stats = worker.stats();
    if (stats.done != schedule.size()) throw Failure("a job was done twice");

    Turn turn;
    turn.samples.push_back({seen.goodput(), capacity});
    turn.samples.push_back({seen.recovered_after(), std::nullopt});
    turn.settings["late_before"] = number(seen.late_before());
    turn.settings["late_from_1_s_after"] = number(seen.late_after());
    turn.settings["postponed"] = std::to_string(stats.postponed);
    turn.settings["may_hold"] = std::to_string(at_end.credit_jobs_total);
    turn.settings["jobs"] = std::to_string(schedule.size());
    turn.settings["worst_lag_us"] =
        std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(lag.worst).count());
    return turn;
  }

 private:
  RedisOptions redis() const { return {.url = server_->url(), .prefix = "ferrybench"}; }

  static std::vector<Figure> figures() {
    const std::map<std::string, std::string> settings{
        {"policy", latency_budget(budget, most_jobs).to_string()},
        {"handler", "sleeps for 4 + 0.2 n ms, sigma 0.15"},
        {"offered", "twice the capacity for 5 s, half of it before and after"},
        {"arrivals", "Poisson"},
        {"worker_concurrency", std::to_string(ModelHandler::concurrency)}};
    return {{.name = "budget_overload_goodput",
             .unit = "jobs/s",
             .settings = settings,
             .goal = Goal{Goal::Of::ratio, 0.75}},
            {.name = "budget_overload_recovery",
             .unit = "s",
             .higher_is_better = false,
             .settings = settings,
             .goal = Goal{Goal::Of::median, 1}}};
  }

  bool quick_;
  std::optional<PrivateRedis> server_;
  int run_ = 0;
};

}  // namespace

Questions budget_overload(bool quick) {
  Questions list;
  list.push_back(std::make_unique<Overload>(quick));
  return list;
}

}  // namespace ferry::bench
