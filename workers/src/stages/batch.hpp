#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "batching/batcher.hpp"
#include "batching/concurrency_limit.hpp"
#include "batching/group_sizer.hpp"
#include "batching/short_runs.hpp"
#include "control_board.hpp"
#include "ferry/handlers.hpp"
#include "metrics.hpp"
#include "pressure/envelope_size.hpp"
#include "pressure/flow_rule.hpp"
#include "pressure/kind_pace.hpp"
#include "stages/report.hpp"
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
  std::uint64_t batch = 0;                       ///< its id
};
/// The alarm rang: something may be due.
struct Tick {};
/// Everything leaves as soon as it can, from now on.
struct FlushForStop {};
/// Nothing more is started: what is held, and what still comes, stays for the release.
struct Drain {};
/// A queue is paused: what of it has not begun goes back.
struct PauseQueue {
  std::uint32_t queue = 0;
};
/// Other workers of a queue have nothing to do: jobs that would wait long here go to them.
struct ShareQueue {
  std::uint32_t queue = 0;
  std::size_t workers = 1;  ///< alive, this one included
};
/// Memory is short: some of what waits for company leaves.
struct Crowded {};
using BatchEvent =
    std::variant<Arrived, RunnerFree, Tick, FlushForStop, Drain, PauseQueue, ShareQueue, Crowded>;

/// The body of the batch stage: feeds events to the pure batcher and turns departures into runs.
///
/// Threads: one at a time, as the graph's node is serial;
/// `wanted`, `envelope_sizes` and `may_share` from any.
class BatchStage {
 public:
  BatchStage(const std::vector<RawHandler>& handlers, std::size_t concurrency,
             const ControlBoard& board);

  /// How many jobs may wait for company, beyond which the oldest leave; and how many of a kind that
  /// has fewer runners than the worker, beyond which they are set aside.
  void set_bounds(std::size_t most_held, std::size_t most_kept) {
    most_held_ = most_held;
    most_kept_ = most_kept;
  }

  void handle(const BatchEvent& event, Time now);
  /// Returns: the next batch that leaves now, or null.
  RunPtr next(Time now);
  /// Jobs in hand that go back since the last call: they cannot begin soon here, or must not.
  std::vector<Leaving> take_leavings();

  /// What the jobs here mean for fetching; ask after `next` returned null.
  const FlowState& flow() const { return flow_; }

  /// Returns: how many more jobs of a kind this worker could begin soon; 0 for a kind it has no
  /// handler of.
  std::size_t wanted(std::string_view kind) const;
  /// Returns: how many jobs of each kind an envelope should carry.
  std::vector<EnvelopeSize> envelope_sizes() const;
  /// Returns: whether jobs wait here that another worker might begin sooner.
  bool may_share() const { return may_share_; }

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
  std::optional<Time> due() const { return drained_ ? std::nullopt : batcher_.due(); }

 private:
  struct Running {
    std::uint64_t batch = 0;
    std::uint32_t kind = 0;
    std::size_t jobs = 0;
    Time since{};
  };

  void on(const Arrived& event, Time now);
  void on(const RunnerFree& event, Time now);
  void on(const Tick&, Time) {}
  void on(const FlushForStop&, Time) { batcher_.flush(LeaveReason::stop); }
  void on(const Drain&, Time) { drained_ = true; }
  void on(const PauseQueue& event, Time now);
  void on(const ShareQueue& event, Time now);
  void on(const Crowded&, Time);
  void note(std::uint32_t kind, const BudgetReport& report);
  void adapt(const RunnerFree& event);
  bool overflows(const Arrival& arrival) const;
  KindLoad load_of(std::uint32_t kind) const;
  std::size_t allowed_runners(std::uint32_t kind) const;
  /// As `load_of`; what a run that has not ended took so far counts for its pace.
  KindLoad load_with_running(std::uint32_t kind, Time now) const;
  std::size_t held_jobs() const;
  void publish();

  const ControlBoard& board_;
  std::size_t concurrency_;
  std::size_t most_held_ = SIZE_MAX;
  std::size_t most_kept_ = SIZE_MAX;
  std::vector<bool> per_job_;
  std::vector<std::size_t> own_concurrency_;       ///< by the options; 0 = all
  std::vector<std::size_t> batch_;                 ///< jobs of a run, at most
  std::vector<std::chrono::nanoseconds> lingers_;  ///< of fixed policies; others never end
  std::vector<bool> keyed_;                        ///< whether the last job had a batch key
  std::vector<GroupSizer> groups_;                 ///< one for each kind
  std::vector<ShortRuns> kinds_short_;             ///< likewise
  std::vector<KindPace> paces_;                    ///< likewise
  MeanPace mean_pace_;
  StayingShare stays_;
  std::vector<std::optional<ConcurrencyLimit>> limits_;  ///< likewise; of those that adapt
  Batcher batcher_;
  std::vector<std::string> kinds_;
  std::vector<Running> running_;
  std::vector<Leaving> leavings_;
  std::vector<KindLoad> loads_;  ///< of `publish`
  FlowState flow_;
  std::vector<LatencyBudgetStats> budgets_;  ///< of the kinds that have one
  bool learned_ = false;                     ///< of these, or a limit, since it was told
  bool drained_ = false;                     ///< nothing is started any more
  std::uint64_t last_batch_id_ = 0;
  std::vector<std::atomic<std::size_t>> wanted_;            ///< for each kind
  std::vector<std::atomic<std::uint32_t>> envelope_sizes_;  ///< likewise
  std::atomic<bool> may_share_{false};
};

}  // namespace ferry::detail
