#include "stages/settle_plan.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "functions/keys.hpp"
#include "leases.hpp"

namespace ferry::detail {
namespace {

using Kind = SettleCall::Kind;

bool in_stream_order(const LeasedEnvelope* a, const LeasedEnvelope* b) {
  return std::tie(a->queue, a->priority, a->id, a) < std::tie(b->queue, b->priority, b->id, b);
}

JobMark mark_of(Verb verb) {
  switch (verb) {
    case Verb::done:
      return JobMark::done;
    case Verb::expired:
      return JobMark::expired;
    case Verb::move:
      break;
  }
  return JobMark::moved;
}

bool has_ended(const LeasedEnvelope& envelope) {
  return envelope.open == 0 && envelope.pending == 0 && envelope.leaving == 0;
}

bool is_only_done(const LeasedEnvelope& envelope) {
  return std::ranges::all_of(envelope.marks, [](JobMark mark) {
    return mark == JobMark::done || mark == JobMark::settled;
  });
}

bool is_outcome(JobMark mark) {
  return mark == JobMark::done || mark == JobMark::expired || mark == JobMark::moved;
}

/// Whether the call settles outcomes that the envelopes' marks say, so that it can be written anew.
bool is_of_outcomes(const SettleCall& call) {
  return call.kind == Kind::finish || call.kind == Kind::settle;
}

/// Adds an envelope to the newest call of that kind, holder and stream, or to a new one.
void add_to_call(std::vector<SettleCall>& calls, Kind kind, std::string_view holder,
                 LeasedEnvelope& envelope, std::size_t most_envelopes, std::size_t most_bytes) {
  const auto fits = [&](const SettleCall& call) {
    return call.kind == kind && call.queue == envelope.queue &&
           call.priority == envelope.priority && call.epoch == envelope.epoch &&
           call.holder == holder && call.envelopes.size() < most_envelopes &&
           call.bytes + envelope.bytes.size() <= most_bytes;
  };
  auto at = std::find_if(calls.rbegin(), calls.rend(), fits);
  if (at == calls.rend()) {
    calls.push_back({kind, envelope.queue, envelope.priority, envelope.epoch});
    calls.back().holder = holder;
    at = calls.rbegin();
  }
  at->envelopes.push_back(&envelope);
  at->bytes += envelope.bytes.size();
}

bool of_one_envelope(const Leaving& a, const Leaving& b) { return a.envelope == b.envelope; }

}  // namespace

SettlePlan::SettlePlan(const Leases& leases)
    : writer_(leases), postponed_until_(leases.queues().size(), Time::min()) {}

void SettlePlan::take(Report& report) {
  for (const Settlement& settlement : report.settlements) take(settlement, report);
  for (Burial& burial : report.burials) burials_.push_back(std::move(burial));
  for (Leaving& leaving : report.leavings) take(leaving);
}

void SettlePlan::take(const Settlement& settlement, Report& report) {
  LeasedEnvelope& envelope = *settlement.envelope;
  const std::size_t pending_before = envelope.pending;
  const auto ended_ns =
      static_cast<std::uint64_t>(std::chrono::nanoseconds(report.at.time_since_epoch()).count());
  for (std::uint32_t i = 0; i < settlement.jobs; ++i) {
    JobMark& mark = envelope.marks[settlement.index + i];
    if (mark != JobMark::open) continue;
    mark = mark_of(settlement.verb);
    ++envelope.pending;
    --envelope.open;
    if (mark == JobMark::done) envelope.ended_ns += ended_ns;
    if (mark == JobMark::moved) envelope.moves.push_back(std::move(report.moves[settlement.move]));
  }
  if (envelope.pending == pending_before) return;
  if (pending_before == 0) envelope.pending_since = report.at;
  if (touched_.empty() || touched_.back() != &envelope) touched_.push_back(&envelope);
}

void SettlePlan::take(Leaving& leaving) {
  LeasedEnvelope& envelope = *leaving.envelope;
  if (!envelope.marks.empty()) {
    // What has an outcome by now does not leave any more.
    std::erase_if(leaving.jobs,
                  [&](std::uint32_t index) { return envelope.marks[index] != JobMark::open; });
    if (leaving.jobs.empty()) return;
  }
  for (const std::uint32_t index : leaving.jobs) envelope.marks[index] = JobMark::leaving;
  envelope.open -= leaving.jobs.size();
  envelope.leaving += leaving.jobs.size();
  leavings_.push_back(std::move(leaving));
}

std::vector<SettleCall> SettlePlan::calls(Time now, Tell tell) {
  std::vector<SettleCall> calls;
  for (SettleCall& call : std::exchange(postponed_, {})) {
    const bool due = tell == Tell::postponed || !is_postponed(call.queue, now);
    (due ? calls : postponed_).push_back(std::move(call));
  }
  for (const Burial& burial : std::exchange(burials_, {})) calls.push_back(writer_.bury(burial));
  // Before the outcomes: what of an envelope stays may finish it.
  add_leaving(calls);
  add_outcomes(calls, now, tell);
  // After the outcomes: when a suspect's start is noted, the one before it is settled.
  for (const RunPtr& run : std::exchange(suspects_, {})) writer_.add_starts(calls, run);
  return calls;
}

void SettlePlan::add_leaving(std::vector<SettleCall>& calls) {
  auto leavings = std::exchange(leavings_, {});
  std::ranges::stable_sort(leavings, in_stream_order, &Leaving::envelope);
  std::vector<SettleCall> whole;
  for (auto first = leavings.begin(); first != leavings.end();) {
    const auto last = std::find_if_not(first, leavings.end(), [&](const Leaving& leaving) {
      return of_one_envelope(*first, leaving);
    });
    add_leaving(calls, whole, {first, last});
    first = last;
  }
  for (SettleCall& call : whole) {
    if (call.kind == Kind::release) writer_.release(call);
    if (call.kind == Kind::set_aside) writer_.set_aside(call);
  }
  std::ranges::move(whole, std::back_inserter(calls));
}

void SettlePlan::add_leaving(std::vector<SettleCall>& calls, std::vector<SettleCall>& whole,
                             std::span<const Leaving> of_one) {
  const Leaving& first = of_one.front();
  LeasedEnvelope& envelope = *first.envelope;
  const bool all = envelope.open == 0 && envelope.pending == 0 && of_one.size() == 1 &&
                   first.jobs.size() == envelope.leaving;
  if (!all || !first.envelope_bytes.empty()) {
    auto parts = writer_.parts(envelope, of_one);
    std::ranges::move(parts, std::back_inserter(calls));
    return;
  }
  constexpr std::size_t most = SettleWriter::most_given_back;
  const bool copied =
      first.to == Leaving::To::queue && envelope.bytes.size() <= SettleWriter::most_copied_bytes;
  if (copied) {
    add_to_call(whole, Kind::release, {}, envelope, most, SettleWriter::most_copied_bytes);
  } else {
    const bool named = first.to == Leaving::To::holder;
    add_to_call(whole, Kind::set_aside, named ? std::string_view(first.holder) : free_holder,
                envelope, most, SIZE_MAX);
  }
}

void SettlePlan::add_outcomes(std::vector<SettleCall>& calls, Time now, Tell tell) {
  auto touched = std::exchange(touched_, {});
  std::ranges::sort(touched, in_stream_order);
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  const std::size_t before = calls.size();
  for (LeasedEnvelope* envelope : touched) {
    if (envelope->pending == 0) continue;
    const bool whole = envelope->open == 0;
    const bool soon = tell != Tell::due || envelope->suspect;
    const bool waits = !whole && !soon && now < envelope->pending_since + partial_after;
    const bool rests = tell != Tell::postponed && is_postponed(envelope->queue, now);
    if (waits || rests) {
      touched_.push_back(envelope);
      continue;
    }
    // `finish` believes that nothing else is left of an envelope.
    if (whole && envelope->leaving == 0 && is_only_done(*envelope)) {
      add_to_call(calls, Kind::finish, {}, *envelope, SettleWriter::most_finished, SIZE_MAX);
    } else {
      calls.push_back(writer_.settle(*envelope));
    }
  }
  for (std::size_t i = before; i < calls.size(); ++i) {
    if (calls[i].kind == Kind::finish) writer_.finish(calls[i]);
  }
}

std::vector<InFlight::Acknowledged> SettlePlan::close(const SettleCall& call) {
  std::vector<InFlight::Acknowledged> ended;
  ended.reserve(call.envelopes.size());
  for (LeasedEnvelope* envelope : call.envelopes) {
    std::size_t settled = 0;
    std::size_t gone = 0;
    const auto forget = [&](JobMark& mark) {
      settled += is_outcome(mark) ? 1 : 0;
      mark = JobMark::settled;
    };
    if (is_of_outcomes(call)) {
      for (JobMark& mark : envelope->marks) {
        if (is_outcome(mark)) forget(mark);
      }
      gone = settled;
      envelope->pending = 0;
      envelope->ended_ns = 0;
      envelope->moves.clear();
    } else if (call.kind == Kind::part) {
      for (const std::uint32_t index : call.jobs) envelope->marks[index] = JobMark::settled;
      envelope->leaving -= call.jobs.size();
      gone = call.jobs.size();
    } else {
      envelope->leaving = 0;
      envelope->open = 0;
    }
    const bool whole = has_ended(*envelope);
    if (whole || gone > 0) ended.push_back({envelope, settled, whole ? 0 : gone});
  }
  return ended;
}

void SettlePlan::postpone(SettleCall call, Time until) {
  postponed_until_[call.queue] = std::max(postponed_until_[call.queue], until);
  if (is_of_outcomes(call)) {
    touched_.insert(touched_.end(), call.envelopes.begin(), call.envelopes.end());
  } else {
    call.repeated = false;
    postponed_.push_back(std::move(call));
  }
}

bool SettlePlan::is_postponed(std::uint32_t queue, Time now) const {
  return now < postponed_until_[queue];
}

std::size_t SettlePlan::postponed_jobs(Time now) const {
  if (std::ranges::none_of(postponed_until_, [now](Time until) { return now < until; })) return 0;
  std::size_t jobs = 0;
  for (const LeasedEnvelope* envelope : touched_) {
    if (is_postponed(envelope->queue, now)) jobs += envelope->pending;
  }
  for (const SettleCall& call : postponed_) {
    for (const LeasedEnvelope* envelope : call.envelopes) {
      jobs += call.jobs.empty() ? envelope->count : call.jobs.size();
    }
  }
  return jobs;
}

Time SettlePlan::next_due(bool unfinished) const {
  if (!burials_.empty() || !leavings_.empty() || !suspects_.empty()) return Time::min();
  Time due = Time::max();
  for (const LeasedEnvelope* envelope : touched_) {
    const Time told = unfinished ? Time::min() : envelope->pending_since + partial_after;
    due = std::min(due, std::max(told, postponed_until_[envelope->queue]));
  }
  for (const SettleCall& call : postponed_) due = std::min(due, postponed_until_[call.queue]);
  return due;
}

}  // namespace ferry::detail
