#pragma once

// What Redis is to be told, and when. Pure: reports in, calls out, answers in.
//
//   take ──> marks of envelopes ──> calls ──(Redis)──> close ──> envelopes that have ended
//              │ not finished,          │
//              └ not due yet            └─> postpone: this queue does not answer rightly, later
//              again

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "batching/time.hpp"
#include "in_flight.hpp"
#include "stages/settle_call.hpp"

namespace ferry::detail {

/// Keeps what is known of held envelopes and not yet told, and turns it into calls.
///
/// A whole envelope is told at once; the outcomes of one that is not finished when the oldest of
/// them is `partial_after` old. Jobs that leave their envelope are told at once: as a whole
/// envelope where nothing else of it is left, else as parts.
///
/// Threads: one thread at a time, the settle thread.
class SettlePlan {
 public:
  static constexpr std::chrono::milliseconds partial_after{20};

  explicit SettlePlan(const Leases& leases);

  void take(Report& report);
  void take(RunPtr suspects) { suspects_.push_back(std::move(suspects)); }

  enum class Tell : std::uint8_t {
    due,         ///< what is due
    unfinished,  ///< and outcomes of unfinished envelopes that could wait
    postponed,   ///< and those of queues that are postponed
  };

  /// Returns: what is to be told now; each call is to be closed, or postponed.
  std::vector<SettleCall> calls(Time now, Tell tell);

  /// Redis has done what the call says, or has refused all of it because the lease has ended.
  ///
  /// Returns: the envelopes that have ended. What was known of the call's jobs is forgotten.
  std::vector<InFlight::Acknowledged> close(const SettleCall& call);

  /// Redis answered a call with an error of this queue; nothing was changed. Neither it nor another
  /// call of this queue is made before `until`.
  void postpone(SettleCall call, Time until);

  /// Returns: jobs whose outcomes were refused for their queue and are to be told again.
  std::size_t postponed_jobs(Time now) const;

  /// `unfinished`: outcomes of unfinished envelopes are due at once.
  ///
  /// Returns: when something is due; the maximum = nothing is left.
  Time next_due(bool unfinished = false) const;
  bool empty() const { return next_due() == Time::max(); }

 private:
  void take(const Settlement& settlement, Report& report);
  void take(Leaving& leaving);
  void add_leaving(std::vector<SettleCall>& calls);
  /// `whole`: calls for envelopes of which nothing else is left.
  void add_leaving(std::vector<SettleCall>& calls, std::vector<SettleCall>& whole,
                   std::span<const Leaving> of_one);
  void add_outcomes(std::vector<SettleCall>& calls, Time now, Tell tell);
  bool is_postponed(std::uint32_t queue, Time now) const;

  SettleWriter writer_;
  std::vector<LeasedEnvelope*> touched_;  ///< with outcomes that are not told
  std::vector<Leaving> leavings_;
  std::vector<Burial> burials_;
  std::vector<RunPtr> suspects_;
  std::vector<SettleCall> postponed_;
  std::vector<Time> postponed_until_;  ///< for each queue
};

}  // namespace ferry::detail
