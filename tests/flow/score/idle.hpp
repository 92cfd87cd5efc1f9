#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "flow/oracle/oracle.hpp"
#include "flow/oracle/trace.hpp"

namespace ferry::flow {

/// A call and since when its kind's policy let it begin.
struct DueCall {
  Call call;
  Moment allowed{0};
};

/// Every call of a trace, and for jobs that never began the calls that they would have made, which
/// begin at `to`.
std::vector<DueCall> due_calls(const Trace& trace, std::span<const OracleKind> kinds, Moment to);

struct IdleQuestion {
  std::vector<std::size_t> workers;  ///< handlers of each
  std::vector<OracleKind> kinds;
  Moment from{0};
  Moment to{0};
  /// How long a call must have been allowed to begin before an idle handler counts.
  Moment waited = std::chrono::milliseconds{10};
  /// A handler that is idle for less than this between two calls counts as busy.
  Moment turnaround{0};
};

/// Parts of the handlers' time.
struct IdleTime {
  double busy = 0;
  /// Idle although a call could have begun: at each instant the largest number of idle handlers
  /// that the waiting calls could have used under the limits of their kinds.
  double wasted = 0;
};

IdleTime idle_time(const IdleQuestion& question, std::vector<DueCall> calls);

/// How many of the waiting calls could begin now: the largest flow from kinds (`waiting` calls
/// each) to workers (`idle` handlers each) through what each kind may still run in each worker.
///
/// Source: Ford and Fulkerson, "Maximal flow through a network", 1956.
int could_begin(std::vector<int> waiting, std::vector<int> idle,
                std::vector<std::vector<int>> may_run);

}  // namespace ferry::flow
