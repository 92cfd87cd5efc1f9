#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flow/mix/mix.hpp"
#include "flow/oracle/trace.hpp"
#include "flow/score/idle.hpp"

namespace ferry::flow {

/// How one kind fared beside the oracle.
struct KindScore {
  std::uint32_t kind = 0;
  std::size_t jobs = 0;
  std::size_t not_begun = 0;  ///< their wait counts up to the end of the run
  Moment p50{0};              ///< from ready to the handler's call
  Moment p99{0};
  Moment oracle_p50{0};
  Moment oracle_p99{0};
  double mean_batch = 0;
  double oracle_mean_batch = 0;

  Moment behind() const { return p99 - oracle_p99; }
};

/// A real run beside the oracle's run of the same jobs.
struct Score {
  std::vector<KindScore> kinds;
  KindScore all;
  IdleTime idle;      ///< of the real run
  IdleTime idle_1ms;  ///< the same, gaps of a handler up to a millisecond taken as busy
  IdleTime oracle_idle;

  /// Returns: the kind whose p99 is furthest behind the oracle's.
  const KindScore& worst() const;
};

/// `to`: when the run ended. All traces have the same jobs.
///
/// There may be several oracles that differ in what is not promised, such as whose turn it is. A
/// kind's delays are those of the one that let it wait longest; the rest is the first one's.
Score score_of(const Mix& mix, const Trace& real, std::span<const Trace> oracles, Moment to);

/// Returns: how long the jobs of a kind waited; those that did not begin, until `to`.
std::vector<Moment> delays_of(const Trace& trace, std::uint32_t kind, Moment to);

/// Returns: jobs for each call of a kind; 0 without calls.
double mean_batch(const Trace& trace, std::uint32_t kind);

}  // namespace ferry::flow
