// How soon does a handler start while there is next to nothing to do?
//
// 200 jobs a second, one each 5 ms, from one thread that waits for each reply; a worker in the same
// process, so that both read one clock. The limit is the least that Redis can do: see floor.hpp.
#include <optional>
#include <string>
#include <thread>

#include "ferry/client.hpp"
#include "floor.hpp"
#include "load/schedule.hpp"
#include "questions.hpp"
#include "running_worker.hpp"
#include "statistics.hpp"
#include "tick.hpp"

namespace ferry::bench {
namespace {

constexpr double per_second = 200;

struct Latencies {
  double start_p50;
  double start_p99;
  double settled_p50;
  double settled_p99;
};

class IdleLatency : public Question {
 public:
  explicit IdleLatency(std::chrono::seconds duration)
      : Question(figures_of(duration)), schedule_(load::even_schedule(per_second, duration)) {}

  void begin() override { server_.emplace(); }

  Turn turn(bool limit_first) override {
    Latencies limit{};
    if (limit_first) limit = floor();
    const Latencies found = ours();
    if (!limit_first) limit = floor();
    return {{{found.start_p50, limit.start_p50},
             {found.start_p99, limit.start_p99},
             {found.settled_p50, limit.settled_p50},
             {found.settled_p99, limit.settled_p99}}};
  }

 private:
  static std::vector<Figure> figures_of(std::chrono::seconds duration) {
    const std::map<std::string, std::string> settings{
        {"jobs_per_second", "200"},
        {"seconds", std::to_string(duration.count())},
        {"latency_from", "the call of enqueue"},
        {"worker_concurrency", "2"},
        {"limit", "XADD, blocked XREADGROUP, XACK and XDEL with bare hiredis"}};
    const auto figure = [&](const char* name, std::optional<Goal> goal) {
      return Figure{.name = name,
                    .unit = "µs",
                    .higher_is_better = false,
                    .settings = settings,
                    .goal = goal};
    };
    return {figure("idle_start_p50", Goal{Goal::Of::ratio, 1.5}),
            figure("idle_start_p99", Goal{Goal::Of::ratio, 2}), figure("idle_settled_p50", {}),
            figure("idle_settled_p99", {})};
  }

  Latencies floor() const {
    const FloorLatencies found = measure_floor(server_->socket_path(), schedule_);
    return {quantile(found.start, 0.5), quantile(found.start, 0.99), quantile(found.settled, 0.5),
            quantile(found.settled, 0.99)};
  }

  Latencies ours() {
    const RedisOptions redis{.url = server_->url(), .prefix = "ferrybench"};
    const std::string queue = "idle-" + std::to_string(++turn_);
    Arrivals arrivals(schedule_.size());
    Handlers handlers;
    handlers.on<Tick>([&](const JobContext&, const Tick& tick) { arrivals.record(tick); });
    RunningWorker worker(worker_options(redis, queue, 2), std::move(handlers));
    Client client({.redis = redis, .queue = queue});
    client.enqueue(Tick{}, {.queue = "connects"});
    worker.wait_until_up(redis, queue);
    const auto start = Clock::now();
    for (const auto at : schedule_) {
      std::this_thread::sleep_until(start + at);
      client.enqueue(Tick{nanoseconds_now()});
    }
    worker.wait_until_done(schedule_.size());
    const auto& start_us = arrivals.microseconds();
    // Redis's reply to the settle is seen by nobody but the worker, whose histogram rounds up to 3
    // %.
    const Histogram settled = worker.stats().enqueue_to_settled;
    return {quantile(start_us, 0.5), quantile(start_us, 0.99), static_cast<double>(settled.at(0.5)),
            static_cast<double>(settled.at(0.99))};
  }

  load::Schedule schedule_;
  std::optional<PrivateRedis> server_;
  int turn_ = 0;
};

}  // namespace

Questions idle_latency(bool quick) {
  Questions list;
  list.push_back(std::make_unique<IdleLatency>(std::chrono::seconds(quick ? 2 : 10)));
  return list;
}

}  // namespace ferry::bench
