// Do worker processes share a queue's work, and is it done so many times as fast?
//
// Each worker is a process with one handler at a time that needs 50 µs of the processor for a job.
// The limit is one such worker.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "compare/child.hpp"
#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "producer.hpp"
#include "questions.hpp"
#include "redis/connection.hpp"
#include "running_worker.hpp"
#include "scratch_folder.hpp"
#include "spend_cpu.hpp"
#include "stopwatch.hpp"

namespace ferry::bench {
namespace {

struct Shared {
  double per_second = 0;
  double least_share = 0;  ///< of the worker that did least, as a part of 1
};

/// So many workers of a queue.
class Crew {
 public:
  Crew(const RedisOptions& redis, std::string queue, std::size_t workers)
      : redis_(redis), queue_(std::move(queue)), connection_(redis) {
    for (std::size_t i = 0; i < workers; ++i) {
      reports_.push_back(scratch_.path() / std::to_string(i));
      workers_.push_back(std::make_unique<compare::Child>(
          "worker", std::vector<std::string>{"measure", share_worker_word, redis_.url, queue_,
                                             reports_.back().string()}));
    }
  }

  Shared work(std::size_t jobs) {
    Queue books(redis_, queue_);
    wait_until([&] { return books.counts().workers == static_cast<std::int64_t>(workers_.size()); },
               "the workers did not come up");
    // The first job is a producer's greeting, and waited for: the clock starts with idle workers.
    Producer producer(redis_, queue_, {.jobs = jobs});
    wait_until([&] { return done() == 1; }, "the first job was not done");
    const Stopwatch watch;
    producer.hand_over();
    // Half of the rest: looking takes from what the workers share.
    std::size_t so_far = 0;
    wait_until([&] { return (so_far = done()) == jobs; }, "the jobs were not all done",
               [&] {
                 const double rest = static_cast<double>(jobs) / static_cast<double>(so_far) - 1;
                 return Pause{std::clamp(watch.seconds() * rest / 2, 0.002, 0.5)};
               });
    const double seconds = watch.seconds();
    const auto report = books.audit();
    if (!report.balanced()) throw Failure("the books do not balance: " + report.violations.front());
    return {static_cast<double>(jobs - 1) / seconds, least_share(jobs)};
  }

 private:
  /// One field instead of all counts, which look at every job under way.
  std::size_t done() {
    connection_.connect();
    const redis::ReplyPtr reply =
        connection_.command({"HGET", Keys(redis_.prefix, queue_).state, "done"});
    return reply->root().text.empty() ? 0 : std::stoull(std::string(reply->root().text));
  }

  using Pause = std::chrono::duration<double>;

  template <typename Condition>
  void wait_until(
      Condition condition, const char* otherwise,
      const std::function<Pause()>& pause = [] { return Pause{0.01}; }) {
    const auto deadline = Clock::now() + patience;
    while (!condition()) {
      for (const auto& worker : workers_) {
        if (worker->poll()) throw Failure("a worker process ended early");
      }
      if (Clock::now() > deadline) throw Failure(std::string(otherwise) + " in two minutes");
      std::this_thread::sleep_for(pause());
    }
  }

  double least_share(std::size_t jobs) {
    for (const auto& worker : workers_) worker->terminate();
    const auto deadline = Clock::now() + patience;
    for (const auto& worker : workers_) {
      while (!worker->poll() && Clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
    std::vector<std::size_t> done;
    for (const auto& report : reports_) {
      std::size_t jobs_done = 0;
      if (!(std::ifstream(report) >> jobs_done)) throw Failure("a worker left no report");
      done.push_back(jobs_done);
    }
    if (std::accumulate(done.begin(), done.end(), std::size_t{0}) != jobs) {
      throw Failure("the workers' own counts do not add up to what was enqueued");
    }
    return static_cast<double>(*std::ranges::min_element(done)) / static_cast<double>(jobs);
  }

  RedisOptions redis_;
  std::string queue_;
  redis::Connection connection_;
  ScratchFolder scratch_;
  std::vector<std::filesystem::path> reports_;
  std::vector<std::unique_ptr<compare::Child>> workers_;
};

class Sharing : public Question {
 public:
  explicit Sharing(std::size_t jobs) : Question(figures_of(jobs)), jobs_(jobs) {}

  void begin() override { server_.emplace(); }

  Turn turn(bool limit_first) override {
    double limit = limit_first ? work(1).per_second : 0;
    const Shared two = work(2);
    const Shared four = work(4);
    if (!limit_first) limit = work(1).per_second;
    return {{{two.per_second, limit}, {two.least_share}, {four.per_second, limit}},
            {{"least_share_of_2", number(two.least_share)},
             {"least_share_of_4", number(four.least_share)}}};
  }

 private:
  static std::vector<Figure> figures_of(std::size_t jobs) {
    const std::map<std::string, std::string> settings{
        {"jobs", std::to_string(jobs)},
        {"payload_bytes", "100"},
        {"max_jobs_per_envelope", "256"},
        {"handler_cpu_us", std::to_string(handler_cpu.count())},
        {"worker_concurrency", "1"},
        {"processors", std::to_string(std::thread::hardware_concurrency())}};
    return {{.name = "share_2_workers",
             .unit = "jobs/s",
             .settings = settings,
             .goal = Goal{Goal::Of::ratio, 1.9}},
            {.name = "share_2_least_share",
             .unit = "part of 1",
             .settings = settings,
             .goal = Goal{Goal::Of::median, 0.4}},
            {.name = "share_4_workers", .unit = "jobs/s", .settings = settings}};
  }

  /// In a queue of their own: FLUSHALL would give the server's memory back to the kernel.
  Shared work(std::size_t workers) {
    const RedisOptions redis{.url = server_->url(), .prefix = "ferrybench"};
    return Crew(redis, "shared-" + std::to_string(++turns_), workers).work(jobs_);
  }

  std::size_t jobs_;
  std::optional<PrivateRedis> server_;
  std::size_t turns_ = 0;
};

}  // namespace

Questions sharing(bool quick) {
  Questions list;
  list.push_back(std::make_unique<Sharing>(quick ? 16'000 : 128'000));
  return list;
}

int share_worker(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) return 2;
  Handlers handlers;
  handlers.on<Blob>([](const JobContext&, const Blob&) { spend_cpu(handler_cpu); });
  Worker worker(worker_options({.url = arguments[0], .prefix = "ferrybench"}, arguments[1], 1),
                std::move(handlers));
  const StopOnSignal stop(worker);
  const int code = worker.run();
  std::ofstream(arguments[2]) << worker.stats().done << '\n';
  return code;
}

}  // namespace ferry::bench
