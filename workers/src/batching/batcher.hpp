#pragma once

// What waits in a worker, and what of it leaves now.
//
//   arrive ─> lane (kind, batch key, priority | suspects) ─> held ──full, linger, flush──> ready
//                                                             realtime, suspects: at once ──┘
//                        └> kinds under a latency budget: batching/budget_lanes.hpp
//   next  <─ the ready lane with the highest priority, then the oldest first job, of a kind that
//            has a free runner; suspects only as others of them allow

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "batching/arrival.hpp"
#include "batching/budget_lanes.hpp"
#include "batching/departure.hpp"
#include "batching/lane_heap.hpp"
#include "batching/lane_keys.hpp"
#include "batching/time.hpp"
#include "ferry/job.hpp"
#include "ferry/policy.hpp"

namespace ferry::detail {

struct KindSettings {
  Policy policy;
  std::size_t concurrency = 1;  ///< departures of this kind at once; 0 = the batcher's total
  bool per_job = false;
};

/// Decides when a batch leaves and with whom.
///
/// A batch has jobs of one kind, one batch key and one priority. Suspects leave in batches of their
/// own, whatever their batch keys; one that is suspected again leaves alone, and while it runs no
/// other suspect does: when the process dies, it is known who did it. A runner is taken by every
/// departure, suspect or not, and given back with `runner_free`.
///
/// Reasons: `size` or `bytes` when the limit was reached (a realtime policy of one job never says
/// so), else what the policy waited for: `idle`, `linger`, `deadline`, `flush`,
/// `stop`, or why it did not: `no_gain`, `backlog`.
///
/// Threads: one thread at a time.
class Batcher {
 public:
  /// `payload_bytes` is asked when jobs that arrived together have to part; without it, jobs arrive
  /// one by one.
  Batcher(std::vector<KindSettings> kinds, std::size_t total_concurrency,
          PayloadBytes payload_bytes = nullptr);

  /// Allocates only while more jobs or lanes are held than ever before.
  void arrive(const Arrival& arrival);

  /// A departure of that kind has ended; `suspect` as it was in the departure.
  void runner_free(std::uint32_t kind, Suspect suspect);

  /// Everything held now leaves as soon as handlers are free, whatever the policy. With
  /// `LeaveReason::stop` so does everything that arrives later.
  void flush(LeaveReason reason = LeaveReason::flush);

  /// So many departures of a kind at once from now on: at least 1, at most its settings'. More may
  /// be under way.
  void set_concurrency(std::uint32_t kind, std::size_t departures);

  /// Realtime kinds of one job a call leave in groups of up to so many jobs, which the runner runs
  /// one after the other; but only while more wait than there are free runners.
  void set_group(std::uint32_t kind, std::size_t jobs);

  /// The same for those that are suspects for the first time; for other kinds their policy says how
  /// many. Never more than `most_suspects`.
  void set_suspect_group(std::uint32_t kind, std::size_t jobs);

  /// Noting them is three commands each inside of one call, which keeps others waiting.
  static constexpr std::size_t most_suspects = 64;

  /// What became of a departure of a kind under a latency budget; for others without effect.
  void ran(std::uint32_t kind, const BudgetReport& report);

  /// How long Redis's word takes after the end of a run; budgets count up to there.
  void set_settling(std::chrono::nanoseconds time);

  /// Call it until it returns nothing.
  ///
  /// Returns: what leaves now.
  std::optional<Departure> next(Time now);

  /// Ask after `next` returned nothing.
  ///
  /// Returns: the earliest moment at which `next` could return something; nothing = not before
  /// another job arrives, a runner comes free or a flush.
  std::optional<Time> due() const;

  /// At least so many of the jobs that wait for company, those that wait longest first, leave as
  /// soon as handlers are free.
  void crowd_out(std::size_t jobs);

  using Which = std::function<bool(const JobRef&)>;

  /// Takes out jobs of a kind that wait for a handler and of which `which` is true, the least
  /// urgent and newest first: at most so many. What waits for company and suspects stay.
  std::vector<JobRef> take_newest(std::uint32_t kind, std::size_t jobs, const Which& which);

  /// Takes out every job of which that is true.
  std::vector<JobRef> take_if(const Which& which);

  /// Jobs of a kind that wait for company, as their policy wishes.
  std::size_t held_jobs(std::uint32_t kind) const;
  /// Jobs of a kind that wait for a handler and for nothing else.
  std::size_t ready_jobs(std::uint32_t kind) const {
    return kinds_[kind].waiting - held_jobs(kind);
  }
  /// The lanes that these are in: no batch has jobs of two.
  std::size_t ready_lanes(std::uint32_t kind) const;
  /// Those of a fixed policy that wait for company.
  std::size_t held_lanes(std::uint32_t kind) const { return kinds_[kind].held.size(); }
  /// How many more of a kind could leave now, were all of its jobs ready.
  std::size_t free_runners(std::uint32_t kind) const { return free_runners(kinds_[kind]); }

  /// Returns: what a kind under a latency budget has learned; null for others.
  const BudgetRule* rule(std::uint32_t kind) const {
    return kinds_[kind].budget == nullptr ? nullptr : &kinds_[kind].budget->rule();
  }

  std::size_t held_jobs() const { return held_jobs_; }
  /// Departures under way.
  std::size_t running() const { return running_; }
  std::size_t running(std::uint32_t kind) const { return kinds_[kind].running; }
  /// Lanes for which there is storage, empty ones included.
  std::size_t lanes() const { return lanes_.size(); }

 private:
  static constexpr std::uint32_t none = 0xffffffff;

  /// Waiting jobs that arrived together; a lane is a list of them.
  struct Waiting {
    JobRef first;
    Time at;
    std::uint32_t jobs = 0;
    std::uint32_t bytes = 0;
    std::uint32_t next = none;
  };

  enum class Place : std::uint8_t { empty, held, ready };

  struct Lane {
    std::uint32_t kind = 0;
    std::uint8_t priority = 0;
    Suspect suspect = Suspect::no;
    bool keyed = false;
    Place place = Place::empty;
    std::uint32_t first = none;
    std::uint32_t last = none;
    std::uint32_t jobs = 0;
    std::uint32_t flushed = 0;  ///< how many of its first jobs a flush has set free
    bool crowded = false;       ///< it was `crowd_out`
    std::uint64_t bytes = 0;
  };

  struct Kind {
    KindSettings settings;
    std::size_t allowed = 1;  ///< of its concurrency
    std::size_t running = 0;
    std::size_t group = 1;
    std::size_t suspect_group = 1;
    std::size_t waiting = 0;
    std::size_t held_jobs = 0;  ///< of these, in lanes that are held; not those under a budget
    LaneHeap ready;
    LaneHeap suspects;
    LaneHeap suspects_again;
    LaneHeap held;  ///< fixed policies only
    /// Set under a latency budget: all its jobs but the suspects.
    std::unique_ptr<BudgetLanes> budget;
  };

  void take_runner(Kind& kind);
  std::uint32_t lane_of(const Arrival& arrival);
  std::uint32_t make_keyed_lane(const Arrival& arrival);
  void append(Lane& lane, const Waiting& more);
  /// Moves the first jobs of the lane's first list element to `out`, with so many bytes in all.
  void take(Lane& lane, std::uint32_t jobs, std::uint32_t bytes, std::vector<JobRef>& out);

  static LaneHeap& leaving(const Lane& lane, Kind& kind);
  bool may_leave(const Lane& lane, const Kind& kind) const;
  void place(std::uint32_t index);
  /// Takes a lane out of the heap it is in.
  void unplace(std::uint32_t index);
  void make_ready(std::uint32_t index);
  std::size_t count_if(const Lane& lane, const Which& which) const;
  void filter(std::uint32_t index, const Which& which, std::vector<JobRef>& out);
  void let_lingered_leave(Kind& kind, Time now);

  std::size_t free_runners(const Kind& kind) const;
  std::size_t most_jobs(const Lane& lane, const Kind& kind) const;
  /// Returns: whether it was the bytes that let no more in.
  bool fill(Lane& lane, std::size_t most_jobs, std::size_t most_bytes, std::vector<JobRef>& out);
  /// `waited`: why it left if it is not full.
  LeaveReason reason_of(const Kind& kind, std::size_t jobs, bool bytes_full,
                        LeaveReason waited) const;
  LeaveReason waited_for(const Lane& lane, const Kind& kind) const;
  Departure leave(std::uint32_t index);
  void after_leave(std::uint32_t index);

  std::vector<Kind> kinds_;
  std::size_t total_concurrency_;
  PayloadBytes payload_bytes_;
  std::size_t running_ = 0;
  std::size_t running_suspects_ = 0;  ///< departures
  bool running_again_ = false;        ///< the one of them is suspected again
  std::size_t held_jobs_ = 0;
  bool stopping_ = false;

  /// The first `kinds · priorities · 3` lanes are those without a batch key; the others come and
  /// go.
  std::vector<Lane> lanes_;
  std::vector<std::uint32_t> spare_lanes_;
  std::vector<std::uint32_t> places_;  ///< of each lane in its heap
  LaneKeys keys_;
  std::vector<Waiting> waiting_;
  std::uint32_t spare_waiting_ = none;
};

}  // namespace ferry::detail
