#pragma once

// What of the jobs in a worker keeps it from fetching.
//
//   in a worker = held for company | blocked: more of a kind than it may run | in hand
//                 └── others are fetched as if these were not there ─┘          └ until one that is
//                                                                    fetched now could begin soon

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pressure/kind_pace.hpp"

namespace ferry::detail {

/// The jobs of one kind in this worker.
struct KindLoad {
  std::size_t ready = 0;  ///< wait for a handler and for nothing else
  std::size_t lanes = 0;  ///< that these are in: no run has jobs of two
  std::size_t held = 0;   ///< wait for company
  std::size_t held_lanes = 0;
  std::size_t running = 0;  ///< runs
  std::size_t allowed = 1;  ///< runs side by side
  std::size_t batch = 1;    ///< jobs of a run, at most
  bool grows = false;       ///< jobs that come may join others of their key; not if limited or fast
  bool limited = false;     ///< fewer may run than the worker has handlers, and others exist
  std::chrono::nanoseconds per_run{0};
  std::chrono::nanoseconds per_job{0};
  bool fast = true;  ///< so fast that nothing of it is worth spreading
  std::chrono::nanoseconds linger =
      std::chrono::nanoseconds::max();  ///< what is held waits so long

  /// Returns: runs that the ready jobs will be, about; and those that are held.
  std::size_t runs() const { return std::max((ready + batch - 1) / batch, std::min(lanes, ready)); }
  std::size_t held_runs() const { return std::max((held + batch - 1) / batch, held_lanes); }
  /// Returns: jobs of one of them, at least 1.
  std::size_t jobs_of_run() const {
    return ready == 0 ? batch : std::max<std::size_t>(1, ready / runs());
  }
  /// Jobs that run one by one may be counted together in `per_run`.
  std::chrono::nanoseconds each() const { return batch == 1 ? per_job : per_run; }
};

/// What follows from the loads of all kinds.
struct FlowState {
  std::size_t not_in_hand = 0;              ///< jobs, held and blocked
  std::chrono::nanoseconds start_delay{0};  ///< until a job that is fetched now would begin
  bool all_fast = true;                     ///< of the kinds that have jobs here
  bool may_fetch = true;                    ///< it would begin soon, or may join others of its key
  /// This worker has enough to do: more than its handlers can begin soon, or can do by the time at
  /// which it is due.
  bool is_ahead = false;
  /// Jobs that a fetch should bring at most: what the handlers can begin soon, were they idle.
  std::size_t at_once = SIZE_MAX;
};

/// Within this a fetched job should begin; a handler hardly waits for a fetch meanwhile, and no
/// other worker's handler for a job that lies here.
inline constexpr std::chrono::milliseconds soon{10};

/// A worker that is ahead leaves others so long to fetch before it does.
inline constexpr std::chrono::milliseconds gives_way{5};

/// `stays`: of the jobs that come, those that are not set aside: above 0..1.
FlowState flow_of(std::span<const KindLoad> kinds, std::size_t handlers, const MeanPace& mean,
                  double stays = 1);

/// How many jobs of a limited kind a worker keeps at least, so that its handlers never wait: what
/// they do in `kept_for`, and two runs of each. More are set aside for other workers.
inline constexpr std::chrono::milliseconds kept_for{1000};
std::size_t most_kept(const KindLoad& kind, std::size_t most);

}  // namespace ferry::detail
