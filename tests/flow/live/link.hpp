#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "ferry/client_options.hpp"
#include "ferry/private_redis.hpp"
#include "flow/live/worker_process.hpp"
#include "flow/mix/mix.hpp"
#include "scratch_folder.hpp"
#include "support/proxy.hpp"

namespace ferry::flow {

/// A Redis of its own, a link to it that takes time, and a folder for the workers of one mix.
///
/// Threads: one thread at a time; it and its workers die with the thread that made it.
class Link {
 public:
  /// `round_trip`: of workers; 0 = without anything in between.
  Link(const Mix& mix, std::chrono::microseconds round_trip);

  std::unique_ptr<WorkerProcess> start(std::size_t worker) const;
  /// Starts a worker and waits until it has asked for jobs.
  ///
  /// Returns: null when it ended instead; see `refused_for_lease`.
  std::unique_ptr<WorkerProcess> start_and_wait(std::size_t worker) const;
  /// Returns: whether a worker has said that the heartbeat does not fit into the lease.
  bool refused_for_lease() const;
  std::string log() const;

  /// Past the link.
  RedisOptions reach() const;

 private:
  ScratchFolder folder_;
  PrivateRedis redis_;
  std::unique_ptr<test::Proxy> proxy_;
};

}  // namespace ferry::flow
