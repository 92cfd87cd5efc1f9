#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "batching/batcher.hpp"
#include "batching/concurrency_limit.hpp"
#include "batching/group_sizer.hpp"
#include "batching/short_runs.hpp"
#include "ferry/handlers.hpp"
#include "metrics.hpp"
#include "stages/run.hpp"

namespace ferry::detail {

/// Jobs that were decoded.
struct Arrived {
  std::shared_ptr<std::vector<Arrival>> arrivals;
};
/// A run has ended and its runner is free.
struct RunnerFree {
  std::uint32_t kind = 0;
  Suspect suspect = Suspect::no;
  std::size_t jobs = 0;
  std::chrono::nanoseconds took{0};
  std::shared_ptr<const BudgetReport> budget{};  ///< null unless the kind has a latency budget
  std::chrono::nanoseconds settling{0};          ///< with `budget`
  std::uint64_t ticket = 0;                      ///< as in Run
};
/// The alarm rang: something may be due.
struct Tick {};
/// Everything leaves as soon as it can, from now on.
struct FlushForStop {};
/// Nothing more is started: what is held, and what still comes, stays for the release.
struct Drain {};
using BatchEvent = std::variant<Arrived, RunnerFree, Tick, FlushForStop, Drain>;

/// The body of the batch stage: feeds events to the pure batcher and turns departures into runs.
///
/// Threads: one at a time; the graph's node is serial.
class BatchStage {
 public:
  BatchStage(const std::vector<RawHandler>& handlers, std::size_t concurrency);

  void handle(const BatchEvent& event);
  /// Returns: the next batch that leaves now, or null.
  RunPtr next(std::chrono::steady_clock::time_point now);
  /// Returns: whether the thread that fetched may run it: it will be short, and nobody waits.
  bool suits_caller(const Run& run) const {
    return batcher_.held_jobs() == 0 && kinds_short_[run.kind].expected();
  }
  /// Puts what was learned of the kinds since the last call into the metrics.
  void tell_learned(Metrics& metrics);
  /// Returns: how many of a kind with adaptive concurrency may run now; nothing for other kinds.
  std::optional<std::size_t> allowed(std::uint32_t kind) const {
    return limits_[kind] ? std::optional(limits_[kind]->now()) : std::nullopt;
  }
  std::optional<std::chrono::steady_clock::time_point> due() const {
    return drained_ ? std::nullopt : batcher_.due();
  }

 private:
  void on(const Arrived& event);
  void on(const RunnerFree& event);
  void note(std::uint32_t kind, const BudgetReport& report);
  void adapt(const RunnerFree& event);
  void on(const Tick&) {}
  void on(const FlushForStop&) { batcher_.flush(LeaveReason::stop); }
  void on(const Drain&) { drained_ = true; }

  std::vector<bool> per_job_;
  std::vector<GroupSizer> groups_;                       ///< one for each kind
  std::vector<ShortRuns> kinds_short_;                   ///< likewise
  std::vector<std::optional<ConcurrencyLimit>> limits_;  ///< likewise; of those that adapt
  Batcher batcher_;
  std::vector<std::string> kinds_;
  std::vector<LatencyBudgetStats> budgets_;  ///< of the kinds that have one
  bool learned_ = false;                     ///< of these, or a limit, since it was told
  bool drained_ = false;                     ///< nothing is started any more
  std::uint64_t last_batch_id_ = 0;
};

}  // namespace ferry::detail
