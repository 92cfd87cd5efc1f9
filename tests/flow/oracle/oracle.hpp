#pragma once

// The best that these runners could do.
//
//   enqueued ─at once─> lane (kind, key, priority, worker) ─full, linger, deadline─> ready
//   ready ─> a free handler: the queue that had least for its weight, then priority, then age
//            (or priority before the queues' shares)

#include <cstddef>
#include <vector>

#include "ferry/policy.hpp"
#include "flow/mix/mix.hpp"
#include "flow/oracle/trace.hpp"

namespace ferry::flow {

struct OracleKind {
  Policy policy = realtime();
  bool per_job = true;
  std::size_t concurrency = 0;  ///< in each worker, 0 = none of its own
  std::uint32_t queue = 0;
  Moment call_takes{0};
  Moment job_takes{0};
};

struct OracleSettings {
  std::vector<OracleKind> kinds;
  std::vector<std::size_t> workers;  ///< handlers of each
  std::vector<int> queue_weights{1};
  /// What a policy holds, one worker holds: each job goes to the one that holds the fewest of its
  /// kind, as a job in a worker's memory does. Any worker may run the batch when it leaves. Without
  /// it all workers form their batches together.
  bool dealt = true;
  /// Whether an urgent job of one queue goes before a job of another queue that had less than its
  /// share. Ferry promises neither.
  bool urgent_before_share = false;
  /// The part of a latency budget by whose end a batch has to be run.
  double budget_part = 0.95;
  /// Calls that would begin later do not.
  Moment until = Moment::max();
};

/// Runs jobs with unlimited memory and without transport: every job is known the moment it is
/// ready, a policy is obeyed to the letter (a batch leaves when it is full, when the linger of its
/// first job has passed, or at the last moment that keeps its budget), and no handler is idle
/// while a batch may leave. What a batch weighs is not looked at.
///
/// Returns: the jobs given, with their calls.
Trace run_oracle(const OracleSettings& settings, std::vector<TracedJob> jobs);

/// Returns: what the mix asks of the oracle.
OracleSettings oracle_settings_of(const Mix& mix);

/// When the policy of a kind lets a batch leave whose first job was ready at `first` and, if it is
/// full, its last one at `last`.
Moment allowed_at(const OracleKind& kind, std::size_t jobs, Moment first, Moment last,
                  double budget_part = 0.95);

}  // namespace ferry::flow
