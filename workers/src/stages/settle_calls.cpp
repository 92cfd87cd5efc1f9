// What the settle thread says to Redis: the arguments of settle.lua's and lease.lua's functions.

#include <algorithm>

#include "stages/settle.hpp"

namespace ferry::detail {
namespace {

constexpr std::size_t envelopes_in_a_call = 300;

template <unsigned bytes>
void add_big_endian(std::string& packed, std::size_t number) {
  for (unsigned left = bytes; left-- > 0;) packed += static_cast<char>(number >> 8U * left & 0xffU);
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
    calls.push_back(
        {Call::Kind::done, envelope.queue, envelope.priority, envelope.epoch, {}, {}, {}});
    at = calls.end() - 1;
  }
  at->envelopes.push_back(&envelope);
}

void Settler::write_done(Call& call) {
  const Keys& keys = leases_.queues()[call.queue];
  std::size_t jobs = 0;
  std::size_t bytes = 0;
  std::string each;
  for (const LeasedEnvelope* envelope : call.envelopes) {
    jobs += envelope->pending;
    bytes += envelope->bytes.size();
    add_big_endian<2>(each, envelope->pending);
    add_big_endian<4>(each, envelope->bytes.size());
  }
  call.arguments = {"FCALL",
                    "ferry_v1_finish",
                    "4",
                    keys.state,
                    keys.workers,
                    keys.progress,
                    keys.ready[static_cast<std::size_t>(call.priority)],
                    leases_.name(call.epoch),
                    std::to_string(jobs),
                    std::to_string(bytes),
                    each};
  for (const LeasedEnvelope* envelope : call.envelopes) call.arguments.add(envelope->id);
}

Settler::Call Settler::settle_call(LeasedEnvelope& envelope) {
  const Keys& keys = leases_.queues()[envelope.queue];
  std::string done;
  std::string expired;
  for (std::size_t i = 0; i < envelope.marks.size(); ++i) {
    if (envelope.marks[i] == JobMark::done) add_big_endian<2>(done, i);
    if (envelope.marks[i] == JobMark::expired) add_big_endian<2>(expired, i);
  }
  Call call{
      Call::Kind::settle,
      envelope.queue,
      envelope.priority,
      envelope.epoch,
      {"FCALL", "ferry_v1_settle", "7", keys.state, keys.workers, keys.progress,
       keys.ready[static_cast<std::size_t>(envelope.priority)], keys.due, keys.parked, keys.dead,
       leases_.name(envelope.epoch), envelope.id.text(), std::to_string(envelope.marks.size()),
       std::to_string(envelope.bytes.size()), done, expired},
      {&envelope},
      {}};
  for (const Move& move : envelope.moves) {
    call.arguments.add(std::to_string(move.index));
    call.arguments.add(move.to == MoveTo::dead_letters ? "f" : "r");
    call.arguments.add(std::to_string(move.delay.count()));
    call.arguments.add(move.envelope);
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
           leases_.name(envelope.epoch), envelope.id.text(), std::to_string(envelope.bytes.size()),
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
           envelope.id.text()},
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
    at->arguments.add(envelope.progress_field());
    at->arguments.add(std::to_string(envelope.marks.size()));
    at->arguments.add(std::to_string(place.index));
  }
  calls.back().runs.push_back(run);  // all are noted once the last one is
}

}  // namespace ferry::detail
