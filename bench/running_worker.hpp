#pragma once

#include <thread>
#include <utility>

#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "load.hpp"
#include "stopwatch.hpp"

namespace ferry::bench {

inline WorkerOptions worker_options(const RedisOptions& redis, const std::string& queue,
                                    std::size_t concurrency) {
  return {.redis = redis,
          .queues = {{queue, 1}},
          .concurrency = concurrency,
          .log = {.level = LogLevel::warning},
          .print_stats_on_stop = false};
}

/// A worker that runs in a thread of its own until the end of the scope.
class RunningWorker {
 public:
  RunningWorker(WorkerOptions options, Handlers handlers)
      : worker_(std::move(options), std::move(handlers)),
        thread_([this] { static_cast<void>(worker_.run()); }) {}
  ~RunningWorker() { worker_.stop(); }
  RunningWorker(const RunningWorker&) = delete;
  RunningWorker& operator=(const RunningWorker&) = delete;

  void wait_until_done(std::size_t jobs) {
    const auto deadline = Clock::now() + patience;
    while (worker_.stats().done < jobs) {
      if (Clock::now() > deadline) {
        throw Failure(std::to_string(worker_.stats().done) + " of " + std::to_string(jobs) +
                      " jobs were done in two minutes");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  /// Waits for the first heartbeat: it has registered and is about to fetch.
  void wait_until_up(const RedisOptions& redis, const std::string& queue) {
    Queue books{redis, queue};
    const auto deadline = Clock::now() + patience;
    while (books.counts().workers == 0) {
      if (Clock::now() > deadline) throw Failure("the worker did not come up in two minutes");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  /// It fetches no more.
  void quiet() { worker_.quiet(); }
  WorkerStats stats() const { return worker_.stats(); }

 private:
  Worker worker_;
  std::jthread thread_;
};

}  // namespace ferry::bench
