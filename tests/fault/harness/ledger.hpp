#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "fault/harness/records.hpp"
#include "ferry/job.hpp"
#include "ferry/queue.hpp"

namespace ferry::fault {

struct HashOfId {
  std::size_t operator()(const JobId& id) const {
    std::size_t hash = 0;
    for (const auto byte : id.bytes) hash = hash * 1099511628211U + byte;
    return hash;
  }
};
using Ids = std::unordered_set<JobId, HashOfId>;

/// The death of a worker, and what it held then.
struct Death {
  std::int64_t at_us = 0;
  std::vector<JobId> held;
};

/// Everything that was written down during a run.
struct Evidence {
  std::vector<Claim> claims;
  std::vector<Effect> effects;
  std::vector<Death> deaths;            ///< in the order of time
  Ids dead;                             ///< ids of the dead letters at the end
  QueueCounts books;                    ///< at the end, when everything has drained
  std::vector<std::string> violations;  ///< what `Queue::audit` says
  std::uint64_t stale_jobs = 0;         ///< outcomes refused because the lease had ended
};

struct Percentiles {
  std::size_t count = 0;
  double p50 = 0;
  double p99 = 0;
  double max = 0;
};

/// What became of every job.
struct Ledger {
  std::uint64_t accepted = 0;        ///< a producer was told that it is stored
  std::uint64_t refused = 0;         ///< a producer was told that it is not
  std::uint64_t unknown = 0;         ///< a producer was told that nobody knows
  std::uint64_t unknown_stored = 0;  ///< of those, and of those a dead producer never heard of
  std::uint64_t lost = 0;            ///< accepted, neither run nor a dead letter
  std::uint64_t enqueued_twice = 0;  ///< one number under two ids
  std::uint64_t wrong_id = 0;        ///< ran under another id than its producer was told
  std::uint64_t refused_yet_stored = 0;
  std::uint64_t effects = 0;
  std::uint64_t run_again = 0;  ///< jobs with more than one effect
  std::uint64_t dead = 0;       ///< dead letters
  std::uint64_t stored = 0;     ///< different ids that were seen at all
  std::uint64_t stale_jobs = 0;
  std::uint64_t reported_lost_calls = 0;  ///< what `on_loss` was told
  std::int64_t books_off = 0;  ///< by how many jobs Redis's counters and the records differ
  Percentiles recovery_ms;     ///< from a worker's death to the next run of each job it held
  std::uint64_t held_by_two_dying = 0;  ///< left out above: the next holder died as well
  /// One sentence for each promise that was broken.
  std::vector<std::string> broken;

  double run_again_percent() const;
};

/// Units: 0..100; what a run of this kind may repeat.
struct Bounds {
  double run_again_percent = 100;
  double recovery_p99_ms = 0;  ///< 0 = not looked at
};

/// Counts; no I/O. Sorts what it is given.
Ledger settle_accounts(Evidence& evidence, const Bounds& bounds);

}  // namespace ferry::fault
