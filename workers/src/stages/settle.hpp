#pragma once

// The last stage: one thread, one connection, one round trip for everything that has gathered.
//
//   run ──report──┐
//   decode ───────┼─> inbox ─> settle thread ─> done (whole envelopes, many in a call)
//   suspects ─────┘                          └> settle / bury / put_off (the others)

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "metrics.hpp"
#include "redis/backoff.hpp"
#include "redis/connection.hpp"
#include "redis/words.hpp"
#include "stages/report.hpp"
#include "stages/run.hpp"

namespace ferry::detail {

/// Tells Redis what became of jobs, and gives credits back once Redis has answered.
///
/// A whole envelope is told at once; the jobs of an envelope that is not finished are told when the
/// oldest untold outcome is `partial_after` old, so that a worker that dies repeats little. Until
/// then its thread is left asleep: a short handler would wake it for every few jobs. A call whose
/// reply was lost is repeated as it was: the functions know what they have done already.
///
/// Threads: `add`, `mark_started`, `tell_everything` and `stop` from any thread.
class Settler {
 public:
  static constexpr std::chrono::milliseconds partial_after{20};

  using Clock = std::chrono::steady_clock;

  /// What Redis has just been told, while the envelope's marks and moves still say it.
  using Told = std::function<void(const LeasedEnvelope&, Clock::time_point, std::uint64_t wall_us)>;

  /// `told` may be null. `run_suspect` is called from the settle thread once the start of suspects
  /// is noted in Redis.
  Settler(const RedisOptions& redis, Leases& leases, InFlight& in_flight, Metrics& metrics,
          const Log& log, Told told, std::function<void(RunPtr)> run_suspect);
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
  /// One FCALL and the envelopes it is about.
  struct Call {
    enum class Kind : std::uint8_t { done, settle, bury, put_off, start } kind = Kind::done;
    std::uint32_t queue = 0;
    Priority priority = Priority::normal;
    std::uint64_t epoch = 0;
    redis::Words arguments;
    std::vector<LeasedEnvelope*> envelopes;
    std::vector<RunPtr> runs;
    bool repeated = false;  ///< sent before without an answer
  };

  void loop();
  static bool note(const Report& report);
  Clock::time_point next_due() const;
  bool wait_for_work(std::vector<Report>& reports, std::vector<RunPtr>& suspects, bool& tell_all);
  void take(Report& report, std::vector<LeasedEnvelope*>& touched);
  std::vector<Call> calls_for(const std::vector<LeasedEnvelope*>& touched, bool tell_all);
  static void add_done(std::vector<Call>& calls, LeasedEnvelope& envelope);
  void write_done(Call& call);
  Call settle_call(LeasedEnvelope& envelope);
  Call bury_call(const Burial& burial);
  Call put_off_call(LeasedEnvelope& envelope);
  /// One call for each queue that has suspects in the run.
  void add_start(std::vector<Call>& calls, const RunPtr& run);
  void make(std::vector<Call>& calls);
  bool send(std::vector<Call>& calls, std::size_t& answered);
  void answered(Call& call, const redis::Reply& reply);
  void told(Call& call);
  void refused(Call& call);

  redis::Connection connection_;
  Leases& leases_;
  InFlight& in_flight_;
  Metrics& metrics_;
  const Log& log_;
  Told told_;
  std::function<void(RunPtr)> run_suspect_;
  redis::ReconnectBackoff backoff_;

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

  /// Envelopes with untold outcomes that are not finished; settle thread only.
  std::vector<LeasedEnvelope*> partial_;
  bool away_ = false;  ///< Redis did not answer last time, and that has been logged
  std::thread thread_;
};

}  // namespace ferry::detail
