#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fault/harness/ledger.hpp"
#include "fault/harness/schedule.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "support/child.hpp"
#include "support/ledger.hpp"

namespace ferry::fault {

struct FleetOptions {
  std::size_t producers = 2;
  std::size_t workers = 3;
  /// Units: jobs/s, all producers together.
  std::int64_t rate = 20'000;
  std::int64_t portion = 100;
  std::int64_t concurrency = 4;
  std::int64_t lease_ms = 3000;
  std::int64_t in_flight = 40'000;
  /// How long a handler takes for one job.
  std::int64_t work_us = 500;
  /// How long every second producer waits for a Redis that is away; the others wait 30 s.
  std::int64_t impatient_ms = 500;
  /// How long everything that waits may take at the end, a lease of a worker killed last included.
  std::int64_t drain_seconds = 120;
  Fsync fsync = Fsync::everysec;
};

/// A Redis server with its producers and workers, each a process of its own, and what is done to
/// them.
///
/// Threads: the one that made it.
class Fleet {
 public:
  explicit Fleet(const FleetOptions& options);

  void start();
  void inflict(const FaultAt& fault);
  /// Notes processes that ended without having been told to.
  void watch();
  /// Lets the producers finish, then waits until every job has been worked on, then ends the
  /// workers.
  void drain();

  /// Loses a stored envelope, or stores it once more under other ids, behind Ferry's back: the
  /// ledger has to show it.
  void sabotage(const std::string& how);

  /// Returns: everything that was written down, by all of them.
  Evidence evidence();

  std::uint64_t inflicted(Fault fault) const { return inflicted_[static_cast<std::size_t>(fault)]; }
  std::uint64_t unmeasured_deaths() const { return unmeasured_deaths_; }
  std::chrono::duration<double> time_enqueuing() const { return time_enqueuing_; }
  const std::string& folder() const { return folder_; }
  /// Sentences about what went wrong besides the jobs.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct Member {
    std::unique_ptr<test::Child> process;
    std::string name;
    std::uint64_t births = 0;
    bool stopped = false;
  };

  void start_worker(std::size_t slot);
  void start_producer(std::size_t slot);
  void kill_worker(std::size_t slot);
  void kill_redis();
  void cut_clients();
  void command(std::initializer_list<std::string_view> words);
  void let_all_go_on();
  void end(Member& member, std::chrono::seconds at_most);
  void complain_about_end(const Member& member, int status);
  RedisOptions reach() const;

  FleetOptions options_;
  std::string folder_;
  PrivateRedis redis_;
  std::vector<Member> workers_;
  std::vector<Member> producers_;
  bool redis_stopped_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::duration<double> time_enqueuing_{0};
  std::vector<Death> deaths_;
  std::uint64_t unmeasured_deaths_ = 0;
  std::array<std::uint64_t, fault_count> inflicted_{};
  std::vector<std::string> complaints_;
};

}  // namespace ferry::fault
