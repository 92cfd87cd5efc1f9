#pragma once

#include <map>
#include <string>

#include "ferry/client_options.hpp"
#include "ferry/private_redis.hpp"
#include "load.hpp"

namespace ferry::bench {

/// One server with nothing on it, and single runs against it. Every run begins with an empty
/// server, checks that each job arrived, and that the books balance.
///
/// Errors: `Failure`, or what Ferry and the limit throw.
/// Returns: jobs per second, from every run.
/// Threads: one thread at a time.
class Runs {
 public:
  explicit Runs(Fsync fsync);

  const RedisOptions& redis() const { return redis_; }

  double enqueue_all(const Load& load);
  /// Many threads hand over jobs one by one, without waiting; then the client is flushed.
  double enqueue_async(const Load& load);
  /// Many threads, each waits for Redis's word on each job.
  double enqueue_sync(const Load& load);
  double drain_batch(const Load& load);
  double drain_job(const Load& load);
  /// From the first job handed over to the last one settled, both at once.
  double steady(const Load& load);

  double limit_enqueue(const Load& load);
  double limit_drain(const Load& load);
  double limit_steady(const Load& load);

  /// What the last runs of Ferry found stored, for the settings of a figure.
  const std::map<std::string, std::string>& seen() const { return seen_; }

 private:
  std::string new_queue();
  double drain(const Load& load, bool per_job);
  template <typename Each>
  double from_threads(const Load& load, Each each);
  void check_waiting(const Load& load, const std::string& queue);
  void check_done(const Load& load, const std::string& queue);

  Fsync fsync_;
  PrivateRedis server_;
  RedisOptions redis_;
  int turn_ = 0;
  std::map<std::string, std::string> seen_;
};

}  // namespace ferry::bench
