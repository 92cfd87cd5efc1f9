#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "compare/child.hpp"
#include "compare/interrupts.hpp"
#include "compare/open_run.hpp"
#include "compare/options.hpp"
#include "compare/prices.hpp"
#include "compare/run_report.hpp"
#include "compare/server_usage.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"

namespace ferry::compare {

/// Runs one policy once: a worker process, a producer process, and a look at Redis before and
/// after.
///
/// Errors: every run either ends with all its jobs done and its books balanced, or throws.
/// Threads: one thread at a time.
class Runner {
 public:
  /// `options.redis` is the server to use, a private one or not.
  Runner(const Options& options, const Experiment& experiment, std::filesystem::path scratch,
         const Interrupts& interrupts);

  RunReport run(const Policy& policy, std::size_t repetition);

  /// Offers jobs at a rate for `options.duration`; what is not done a while after that is counted
  /// and thrown away.
  OpenRun run_open(const Policy& policy, double rate, std::size_t repetition, std::uint64_t seed,
                   const Prices& prices);

  /// Enqueues jobs at a rate while no worker is there, and throws them away.
  ///
  /// Returns: by how much the queue's streams grew for each of them, without what the allocator
  /// rounds up; other users of the Redis do not count.
  double waiting_bytes_per_job(double rate);

  /// Returns: what the server says of itself, with the figures of now.
  ServerUsage server_usage();

 private:
  struct Progress {
    std::int64_t accepted = 0;
    std::int64_t done = 0;
    std::int64_t dead = 0;
    std::int64_t dropped = 0;  ///< expired or cancelled

    std::int64_t settled() const { return done + dead + dropped; }
  };
  /// How many jobs were settled at a moment, in monotonic seconds.
  struct Look {
    double at = 0;
    std::int64_t settled = 0;
  };
  /// What one run is called and where its processes write.
  struct Place {
    std::string prefix;
    Keys keys;
    std::filesystem::path worker_file;
    std::filesystem::path producer_file;
  };
  /// Removes a run's keys also when it fails: nothing of ours stays on a Redis that belongs to
  /// somebody.
  struct Cleaner {
    Runner& runner;
    const Place& place;
    ~Cleaner();
  };

  Place next_place();
  double waiting_bytes(const Keys& keys);
  std::vector<std::string> worker_arguments(const Policy& policy, const Place& place) const;
  std::vector<Look> watch(const Place& place, Child& producer, Child& worker);

  std::vector<std::string> arguments(const std::string& role, const std::string& prefix,
                                     const std::filesystem::path& report) const;
  void require_alive(Child& child) const;
  void await_worker(const Keys& keys, Child& worker);
  double drain(const Keys& keys, Child& producer, Child& worker,
               const std::filesystem::path& producer_report, std::uint64_t& own_commands);
  Progress progress(const Keys& keys);
  void stop(Child& worker);
  void check_books(const std::string& prefix, std::int64_t jobs) const;
  void remove(const Place& place);

  const Options& options_;
  const Experiment& experiment_;
  std::filesystem::path scratch_;
  const Interrupts& interrupts_;
  redis::Connection connection_;
  std::size_t runs_ = 0;
};

}  // namespace ferry::compare
