// Does a queue slow down while a long backlog waits in it?
//
// What is measured is the rate at which jobs are enqueued at one end and drained at the other, both
// at once, on top of a backlog that stays. Its limit is the same with a backlog of 10^4.
#include <algorithm>
#include <future>
#include <optional>
#include <string>

#include "ferry/queue.hpp"
#include "producer.hpp"
#include "questions.hpp"
#include "running_worker.hpp"

namespace ferry::bench {
namespace {

constexpr std::size_t shallow_jobs = 10'000;
/// Small, so that 10^7 of them take some 300 MB.
constexpr std::size_t payload_bytes = 16;

/// A server whose one queue holds a backlog.
class Backlog {
 public:
  explicit Backlog(std::size_t depth) : depth_(depth) {}

  /// Returns: jobs per second through the queue while the backlog waits.
  double rate(std::size_t jobs) {
    fill();
    Load load{.jobs = jobs, .payload_bytes = payload_bytes};
    Producer producer(redis_, queue, load);
    Handlers handlers;
    handlers.on_batch<Blob>(realtime(1000), [](Batch<Blob>&) {});
    const Stopwatch watch;
    auto handed_over = std::async(std::launch::async, [&] { producer.hand_over(); });
    double seconds = 0;
    {
      RunningWorker worker(worker_options(redis_, queue, load.concurrency), std::move(handlers));
      worker.wait_until_done(jobs);
      // It must not eat into the backlog while the producer is still busy.
      worker.quiet();
      handed_over.get();
      seconds = watch.seconds();
    }
    check();
    return static_cast<double>(jobs) / seconds;
  }

 private:
  static constexpr const char* queue = "deep";

  void fill() {
    const auto waiting = static_cast<std::size_t>(Queue(redis_, queue).counts().waiting);
    if (waiting >= depth_) return;
    Producer(redis_, queue, {.jobs = depth_ - waiting, .payload_bytes = payload_bytes}).hand_over();
  }

  void check() {
    const auto report = Queue(redis_, queue).audit();
    if (!report.balanced()) {
      throw Failure("the books do not balance: " + report.violations.front());
    }
  }

  std::size_t depth_;
  PrivateRedis server_;
  RedisOptions redis_{.url = server_.url(), .prefix = "ferrybench"};
};

class Depth : public Question {
 public:
  Depth(const std::string& name, std::size_t backlog, std::size_t jobs)
      : Question({{.name = name,
                   .unit = "jobs/s",
                   .settings = {{"backlog_jobs", std::to_string(backlog)},
                                {"limit_backlog_jobs", std::to_string(shallow_jobs)},
                                {"jobs", std::to_string(jobs)},
                                {"payload_bytes", std::to_string(payload_bytes)},
                                {"max_jobs_per_envelope", "256"}},
                   .goal = Goal{Goal::Of::ratio, 0.9}}}),
        backlog_(backlog),
        jobs_(jobs) {}

  void begin() override {
    deep_.emplace(backlog_);
    shallow_.emplace(shallow_jobs);
  }

  Turn turn(bool limit_first) override {
    double limit = limit_first ? shallow_->rate(jobs_) : 0;
    const double ours = deep_->rate(jobs_);
    if (!limit_first) limit = shallow_->rate(jobs_);
    return {{{ours, limit}}};
  }

 private:
  std::size_t backlog_;
  std::size_t jobs_;
  std::optional<Backlog> deep_;
  std::optional<Backlog> shallow_;
};

}  // namespace

Questions depth(bool quick) {
  const std::size_t jobs = quick ? 256'000 : 1'280'000;
  Questions list;
  list.push_back(std::make_unique<Depth>("depth_100k", 100'000, jobs));
  list.push_back(std::make_unique<Depth>("depth_1m", quick ? 300'000 : 1'000'000, jobs));
  list.push_back(std::make_unique<Depth>("depth_10m", quick ? 1'000'000 : 10'000'000, jobs));
  return list;
}

}  // namespace ferry::bench
