#include "stages/settle_call.hpp"

#include <algorithm>
#include <string>

#include "leases.hpp"
#include "wire/envelope.hpp"

namespace ferry::detail {
namespace {

using Kind = SettleCall::Kind;

template <unsigned bytes>
void add_big_endian(std::string& packed, std::size_t number) {
  for (unsigned left = bytes; left-- > 0;) packed += static_cast<char>(number >> 8U * left & 0xffU);
}

const std::string& stream_of(const Keys& keys, Priority priority) {
  return keys.ready[static_cast<std::size_t>(priority)];
}

/// As compressed as they came: what was worth it for the whole mostly is for a part.
std::size_t compress_from(const LeasedEnvelope& envelope) {
  const auto head = wire::decode_head(envelope.bytes);
  const bool compressed = head && (head->flags & wire::flag_zstd) != 0;
  return compressed ? 1024 : 0;
}

void add_part(SettleCall& call, char verb, const std::vector<std::uint32_t>& jobs,
              const std::string& envelope) {
  std::string positions;
  for (const std::uint32_t index : jobs) add_big_endian<2>(positions, index);
  call.arguments.add(std::string_view(&verb, 1));
  call.arguments.add("0");
  call.arguments.add(positions);
  call.arguments.add(envelope);
  call.jobs.insert(call.jobs.end(), jobs.begin(), jobs.end());
  if (verb == 'r') call.given_back += jobs.size();
}

}  // namespace

SettleCall SettleWriter::begin(Kind kind, const LeasedEnvelope& envelope) const {
  return {kind, envelope.queue, envelope.priority, envelope.epoch};
}

void SettleWriter::finish(SettleCall& call) const {
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
                    stream_of(keys, call.priority),
                    leases_.name(call.epoch),
                    std::to_string(jobs),
                    std::to_string(bytes),
                    each};
  for (const LeasedEnvelope* envelope : call.envelopes) call.arguments.add(envelope->id);
}

SettleCall SettleWriter::settle(LeasedEnvelope& envelope) const {
  const Keys& keys = leases_.queues()[envelope.queue];
  std::string done;
  std::string expired;
  for (std::size_t i = 0; i < envelope.marks.size(); ++i) {
    if (envelope.marks[i] == JobMark::done) add_big_endian<2>(done, i);
    if (envelope.marks[i] == JobMark::expired) add_big_endian<2>(expired, i);
  }
  SettleCall call = begin(Kind::settle, envelope);
  call.arguments = {"FCALL",
                    "ferry_v1_settle",
                    "7",
                    keys.state,
                    keys.workers,
                    keys.progress,
                    stream_of(keys, envelope.priority),
                    keys.due,
                    keys.parked,
                    keys.dead,
                    leases_.name(envelope.epoch),
                    envelope.id.text(),
                    std::to_string(envelope.marks.size()),
                    std::to_string(envelope.bytes.size()),
                    done,
                    expired};
  call.envelopes.push_back(&envelope);
  for (const Move& move : envelope.moves) {
    call.arguments.add(std::to_string(move.index));
    call.arguments.add(move.to == MoveTo::dead_letters ? "f" : "r");
    call.arguments.add(std::to_string(move.delay.count()));
    call.arguments.add(move.envelope);
  }
  return call;
}

SettleCall SettleWriter::bury(const Burial& burial) const {
  const LeasedEnvelope& envelope = *burial.envelope;
  const Keys& keys = leases_.queues()[envelope.queue];
  SettleCall call = begin(Kind::bury, envelope);
  call.arguments = {"FCALL",
                    "ferry_v1_bury",
                    "6",
                    keys.state,
                    keys.workers,
                    keys.progress,
                    stream_of(keys, envelope.priority),
                    keys.dead,
                    keys.parked,
                    leases_.name(envelope.epoch),
                    envelope.id.text(),
                    std::to_string(envelope.bytes.size()),
                    burial.wrapped};
  call.envelopes.push_back(burial.envelope);
  return call;
}

void SettleWriter::release(SettleCall& call) const {
  const Keys& keys = leases_.queues()[call.queue];
  call.arguments = {"FCALL",
                    "ferry_v1_release",
                    "4",
                    keys.state,
                    keys.workers,
                    keys.progress,
                    stream_of(keys, call.priority),
                    leases_.name(call.epoch)};
  for (const LeasedEnvelope* envelope : call.envelopes) call.arguments.add(envelope->id);
}

void SettleWriter::set_aside(SettleCall& call) const {
  const Keys& keys = leases_.queues()[call.queue];
  call.arguments = {"FCALL",      "ferry_v1_set_aside",           "2",
                    keys.workers, stream_of(keys, call.priority), leases_.name(call.epoch),
                    call.holder};
  for (const LeasedEnvelope* envelope : call.envelopes) {
    call.arguments.add(envelope->id);
    call.arguments.add(std::to_string(envelope->leaving > 0 ? envelope->leaving : envelope->count));
  }
}

SettleCall SettleWriter::begin_part(LeasedEnvelope& envelope) const {
  const Keys& keys = leases_.queues()[envelope.queue];
  SettleCall call = begin(Kind::part, envelope);
  call.envelopes.push_back(&envelope);
  call.arguments = {"FCALL",
                    "ferry_v1_part",
                    "7",
                    keys.state,
                    keys.workers,
                    keys.progress,
                    stream_of(keys, envelope.priority),
                    keys.due,
                    keys.parked,
                    keys.dead,
                    leases_.name(envelope.epoch),
                    envelope.id.text(),
                    std::to_string(envelope.marks.size()),
                    std::to_string(envelope.bytes.size())};
  return call;
}

std::vector<SettleCall> SettleWriter::parts(LeasedEnvelope& envelope,
                                            std::span<const Leaving> leavings) const {
  std::vector<SettleCall> calls;
  std::size_t bytes = 0;
  const auto add = [&](char verb, const std::vector<std::uint32_t>& jobs, std::string packed) {
    if (calls.empty() || bytes + packed.size() > most_copied_bytes) {
      calls.push_back(begin_part(envelope));
      bytes = 0;
    }
    bytes += packed.size();
    add_part(calls.back(), verb, jobs, packed);
  };
  for (const Leaving& leaving : leavings) {
    if (!leaving.envelope_bytes.empty()) {
      const bool dead = leaving.to == Leaving::To::dead_letters;
      add(dead ? 'f' : 'r', leaving.jobs, leaving.envelope_bytes);
      continue;
    }
    for (std::size_t from = 0; from < leaving.jobs.size();) {
      wire::EnvelopeWriter writer(envelope.stored.jobs[leaving.jobs[from]].id);
      std::vector<std::uint32_t> jobs;
      while (from < leaving.jobs.size()) {
        const wire::StoredJob& job = envelope.stored.jobs[leaving.jobs[from]];
        if (!jobs.empty() && writer.bytes() + job.payload.size() > most_copied_bytes) break;
        writer.add_moved(job, job.extras);
        jobs.push_back(leaving.jobs[from++]);
      }
      add('r', jobs, writer.finish(compress_from(envelope)));
    }
  }
  return calls;
}

void SettleWriter::add_starts(std::vector<SettleCall>& calls, const RunPtr& run) const {
  const std::size_t before = calls.size();
  for (const Run::Place& place : run->places) {
    const LeasedEnvelope& envelope = *place.envelope;
    auto at = std::find_if(calls.begin() + static_cast<std::ptrdiff_t>(before), calls.end(),
                           [&](const SettleCall& call) {
                             return call.queue == envelope.queue && call.epoch == envelope.epoch;
                           });
    if (at == calls.end()) {
      const Keys& keys = leases_.queues()[envelope.queue];
      calls.push_back(begin(Kind::start, envelope));
      at = calls.end() - 1;
      at->noted = run;
      at->arguments = {"FCALL",       "ferry_v1_start", "5",
                       keys.workers,  keys.progress,    keys.ready[0],
                       keys.ready[1], keys.ready[2],    leases_.name(envelope.epoch)};
    }
    at->arguments.add(envelope.progress_field());
    at->arguments.add(std::to_string(envelope.marks.size()));
    at->arguments.add(std::to_string(place.index));
  }
  calls.back().starts = true;  // all are noted once the last one is
}

}  // namespace ferry::detail
