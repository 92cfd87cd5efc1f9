#pragma once

#include <thread>
#include <utility>

#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"

namespace ferry::test {

/// Options of a worker that tests can wait for: quiet logs, short lease.
inline WorkerOptions worker_options(const PrivateRedis& redis) {
  WorkerOptions options;
  options.redis.url = redis.url();
  options.concurrency = 4;
  options.lease = std::chrono::milliseconds{500};
  options.log.level = LogLevel::error;
  options.print_stats_on_stop = false;
  return options;
}

inline ClientOptions client_options(const PrivateRedis& redis) {
  ClientOptions options;
  options.redis.url = redis.url();
  return options;
}

inline RedisOptions redis_options(const PrivateRedis& redis) {
  RedisOptions options;
  options.url = redis.url();
  return options;
}

/// A worker in a thread of its own; stopped at the end of its scope.
class RunningWorker {
 public:
  RunningWorker(WorkerOptions options, Handlers handlers)
      : worker_(std::move(options), std::move(handlers)),
        thread_([this] { exit_code_ = worker_.run(); }) {}
  ~RunningWorker() { stop(); }

  Worker* operator->() { return &worker_; }
  Worker& operator*() { return worker_; }

  /// Returns: what `run` returned.
  int stop() {
    worker_.stop();
    return join();
  }
  int join() {
    if (thread_.joinable()) thread_.join();
    return exit_code_;
  }

 private:
  Worker worker_;
  int exit_code_ = -1;
  std::thread thread_;
};

}  // namespace ferry::test
