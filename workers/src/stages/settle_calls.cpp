// What the settle thread says to Redis: the arguments of settle.lua's and lease.lua's functions.

#include <algorithm>

#include "stages/settle.hpp"

namespace ferry::detail {
namespace {

constexpr std::size_t envelopes_in_a_call = 300;

void add_index(std::string& packed, std::size_t index) {
  packed += static_cast<char>(index >> 8U);
  packed += static_cast<char>(index & 0xffU);
}

}  // namespace

void Settler::add_done(std::vector<Call>& calls, LeasedEnvelope& envelope) {
  const auto fits = [&](const Call& call) {
    return call.kind == Call::Kind::done && call.queue == envelope.queue &&
           call.priority == envelope.priority && call.epoch == envelope.epoch &&
           call.envelopes.size() < envelopes_in_a_call;
  };
  auto at = std::ranges::find_if(calls, fits);
  if (at == calls.end()) {
    const Keys& keys = leases_.queues()[envelope.queue];
    calls.push_back(
        {Call::Kind::done,
         envelope.queue,
         envelope.priority,
         envelope.epoch,
         {"FCALL", "ferry_v1_done", "4", keys.state, keys.workers, keys.progress,
          keys.ready[static_cast<std::size_t>(envelope.priority)], leases_.name(envelope.epoch)},
         {},
         {}});
    at = calls.end() - 1;
  }
  at->arguments.push_back(envelope.entry_id);
  at->arguments.push_back(std::to_string(envelope.pending));
  at->arguments.push_back(std::to_string(envelope.bytes.size()));
  at->envelopes.push_back(&envelope);
}

Settler::Call Settler::settle_call(LeasedEnvelope& envelope) {
  const Keys& keys = leases_.queues()[envelope.queue];
  std::string done;
  std::string expired;
  for (std::size_t i = 0; i < envelope.marks.size(); ++i) {
    if (envelope.marks[i] == JobMark::done) add_index(done, i);
    if (envelope.marks[i] == JobMark::expired) add_index(expired, i);
  }
  Call call{
      Call::Kind::settle,
      envelope.queue,
      envelope.priority,
      envelope.epoch,
      {"FCALL", "ferry_v1_settle", "7", keys.state, keys.workers, keys.progress,
       keys.ready[static_cast<std::size_t>(envelope.priority)], keys.due, keys.parked, keys.dead,
       leases_.name(envelope.epoch), envelope.entry_id, std::to_string(envelope.marks.size()),
       std::to_string(envelope.bytes.size()), done, expired},
      {&envelope},
      {}};
  for (const Move& move : envelope.moves) {
    call.arguments.push_back(std::to_string(move.index));
    call.arguments.push_back(move.to == MoveTo::dead_letters ? "f" : "r");
    call.arguments.push_back(std::to_string(move.delay.count()));
    call.arguments.push_back(move.envelope);
  }
  return call;
}

Settler::Call Settler::bury_call(const Burial& burial) {
  const LeasedEnvelope& envelope = *burial.envelope;
  const Keys& keys = leases_.queues()[envelope.queue];
  return {Call::Kind::bury,
          envelope.queue,
          envelope.priority,
          envelope.epoch,
          {"FCALL", "ferry_v1_bury", "6", keys.state, keys.workers, keys.progress,
           keys.ready[static_cast<std::size_t>(envelope.priority)], keys.dead, keys.parked,
           leases_.name(envelope.epoch), envelope.entry_id, std::to_string(envelope.bytes.size()),
           burial.wrapped},
          {burial.envelope},
          {}};
}

Settler::Call Settler::put_off_call(LeasedEnvelope& envelope) {
  const Keys& keys = leases_.queues()[envelope.queue];
  return {Call::Kind::put_off,
          envelope.queue,
          envelope.priority,
          envelope.epoch,
          {"FCALL", "ferry_v1_put_off", "2", keys.workers,
           keys.ready[static_cast<std::size_t>(envelope.priority)], leases_.name(envelope.epoch),
           envelope.entry_id},
          {&envelope},
          {}};
}

void Settler::add_start(std::vector<Call>& calls, const RunPtr& run) {
  const std::size_t before = calls.size();
  for (const Run::Place& place : run->places) {
    const LeasedEnvelope& envelope = *place.envelope;
    auto at = std::find_if(calls.begin() + static_cast<std::ptrdiff_t>(before), calls.end(),
                           [&](const Call& call) {
                             return call.queue == envelope.queue && call.epoch == envelope.epoch;
                           });
    if (at == calls.end()) {
      const Keys& keys = leases_.queues()[envelope.queue];
      calls.push_back({Call::Kind::start,
                       envelope.queue,
                       envelope.priority,
                       envelope.epoch,
                       {"FCALL", "ferry_v1_start", "5", keys.workers, keys.progress, keys.ready[0],
                        keys.ready[1], keys.ready[2], leases_.name(envelope.epoch)},
                       {},
                       {}});
      at = calls.end() - 1;
    }
    at->arguments.push_back(envelope.progress_field());
    at->arguments.push_back(std::to_string(envelope.marks.size()));
    at->arguments.push_back(std::to_string(place.index));
  }
  calls.back().runs.push_back(run);  // all are noted once the last one is
}

}  // namespace ferry::detail
