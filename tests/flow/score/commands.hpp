#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flow/oracle/trace.hpp"

namespace ferry::flow {

/// Commands that Redis runs, those inside of functions included.
///
/// Source: tests/budgets.json, and the costs above each function in core/src/functions.
struct CommandBound {
  std::int64_t fetches = 0;
  std::int64_t finishes = 0;  ///< of whole envelopes
  std::int64_t parts = 0;     ///< of envelopes whose other jobs run later
  std::int64_t promotions = 0;

  std::int64_t total() const { return fetches + finishes + parts + promotions; }
};

/// What a worker would ask of Redis that fetched and settled as the oracle runs:
///
///   a fetch for each millisecond in which envelopes were stored, or for each call that begins a
///   new envelope if those are more: 1 command
///   a finish for each call with whose end an envelope is whole: 7, of three envelopes or more 9
///   a settle where the outcomes of an envelope's first jobs are 20 ms old and others still run: 9
///   a promote for each 10 ms in which jobs come due: 10
///
/// `envelope` names the envelope of each job of the trace, `due` when a delayed one comes due (0
/// for others). Jobs that never began are left out.
CommandBound command_bound(const Trace& oracle, std::span<const std::uint32_t> envelope,
                           std::span<const Moment> due);

}  // namespace ferry::flow
