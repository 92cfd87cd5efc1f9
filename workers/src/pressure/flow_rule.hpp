#pragma once

// What of the jobs in a worker keeps it from fetching.
//
//   in a worker = held for company | blocked: more of a kind than it may run | in hand
//                 └── others are fetched as if these were not there ─┘          └ until one that is
//                                                                    fetched now could begin soon

#include <chrono>
#include <cstddef>
#include <span>

namespace ferry::detail {

/// The jobs of one kind in this worker.
struct KindLoad {
  std::size_t ready = 0;    ///< wait for a handler and for nothing else
  std::size_t held = 0;     ///< wait for company
  std::size_t running = 0;  ///< runs
  std::size_t allowed = 1;  ///< runs side by side
  std::size_t batch = 1;    ///< jobs of a run, at most
  bool limited = false;     ///< fewer may run than the worker has handlers, and others exist
  std::chrono::nanoseconds per_run{0};
  std::chrono::nanoseconds per_job{0};
  bool fast = true;  ///< so fast that nothing of it is worth spreading
};

/// What follows from the loads of all kinds.
struct FlowState {
  std::size_t not_in_hand = 0;              ///< jobs, held and blocked
  std::chrono::nanoseconds start_delay{0};  ///< until a job that is fetched now would begin
  bool all_fast = true;                     ///< of the kinds that have jobs here
};

/// Within this a fetched job should begin; a handler hardly waits for a fetch meanwhile, and no
/// other worker's handler for a job that lies here.
inline constexpr std::chrono::milliseconds soon{10};

FlowState flow_of(std::span<const KindLoad> kinds, std::size_t handlers);

/// How many jobs of a limited kind a worker keeps at least, so that its handlers never wait: what
/// they do in `kept_for`, and two runs of each. More are set aside for other workers.
inline constexpr std::chrono::milliseconds kept_for{1000};
std::size_t most_kept(const KindLoad& kind, std::size_t most);

}  // namespace ferry::detail
