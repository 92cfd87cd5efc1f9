#pragma once

// The last stage: one thread, one connection, one round trip for everything that has gathered.
//
//   run ──report──┐
//   decode ───────┼─> inbox ─> settle thread ─> plan ─> finish (whole envelopes, many in a call)
//   suspects ─────┘                               └──> settle / part / bury / … (the others)

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "metrics.hpp"
#include "queue_health.hpp"
#include "redis/backoff.hpp"
#include "redis/connection.hpp"
#include "stages/report.hpp"
#include "stages/run.hpp"
#include "stages/settle_plan.hpp"

namespace ferry::detail {

/// Tells Redis what became of jobs, and gives credits back once Redis has answered.
///
/// What is told when is decided in SettlePlan; its thread is left asleep until something is due: a
/// short handler would wake it for every few jobs. A call whose reply was lost is repeated as it
/// was: the functions know what they have done already. A call that Redis refuses because of one
/// queue waits, and those of other queues go on.
///
/// Threads: `add`, `mark_started`, `tell_everything` and `stop` from any thread.
class Settler {
 public:
  static constexpr std::chrono::milliseconds partial_after = SettlePlan::partial_after;

  using Clock = std::chrono::steady_clock;

  /// What Redis has just been told, while the envelope's marks and moves still say it.
  using Told = std::function<void(const LeasedEnvelope&, Clock::time_point, std::uint64_t wall_us)>;

  /// `told` may be null. `run_suspect` is called from the settle thread once the start of suspects
  /// is noted in Redis.
  Settler(const RedisOptions& redis, Leases& leases, InFlight& in_flight, QueueHealth& health,
          Metrics& metrics, const Log& log, std::set<std::string, std::less<>> kinds, Told told,
          std::function<void(RunPtr)> run_suspect);
  ~Settler();

  void start();
  void add(Report report);
  /// Notes in Redis that the suspects of a run are about to run, then lets them run.
  void mark_started(RunPtr run);
  /// Tells outcomes of unfinished envelopes without waiting for `partial_after`; stays on.
  void tell_everything();
  /// Ends the thread once the inbox is empty, or at once when Redis does not answer.
  void stop();

  redis::Meter meter() const;

 private:
  void loop();
  static bool note(const Report& report);
  Clock::time_point next_due() const;
  bool wait_for_work(std::vector<Report>& reports, SettlePlan::Tell& tell);
  void make(std::vector<SettleCall>& calls);
  bool send(std::vector<SettleCall>& calls, std::size_t& answered);
  void tell_of_works();
  /// Returns: whether the connection goes on.
  bool failed(SettleCall& call, std::string_view error_text);
  void answered(SettleCall& call, const redis::Reply& reply);
  void told(SettleCall& call);
  void count(WorkerStats& stats, const SettleCall& call, Clock::time_point now) const;
  void advise(const SettleCall& call, Clock::time_point now);
  void refused(SettleCall& call);
  void close(SettleCall& call, bool counts, Clock::time_point now);

  redis::Connection connection_;
  Leases& leases_;
  InFlight& in_flight_;
  QueueHealth& health_;
  Metrics& metrics_;
  const Log& log_;
  Told told_;
  std::function<void(RunPtr)> run_suspect_;
  redis::ReconnectBackoff backoff_;
  SettlePlan plan_;  ///< settle thread only

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Report> inbox_;
  std::vector<RunPtr> suspects_;
  bool urgent_ = false;  ///< something in the inbox is to be told at once
  /// When the thread looks by itself: what is due later need not wake it.
  Clock::time_point looks_at_ = Clock::time_point::min();
  bool naps_ = false;  ///< something came lately that is not to be told at once
  bool tell_all_ = false;
  bool stopping_ = false;
  redis::Meter meter_;

  std::set<std::string, std::less<>> kinds_;          ///< that have a handler here
  std::map<std::string, Clock::time_point> advised_;  ///< when it was said of a holder
  /// Activities that failed and had an answer in this round.
  std::vector<std::pair<std::uint32_t, QueueHealth::Activity>> worked_;
  bool away_ = false;  ///< Redis did not answer last time, and that has been logged
  std::thread thread_;
};

}  // namespace ferry::detail
