#include <utility>

#include "client/sender.hpp"
#include "redis/errors.hpp"

namespace ferry::detail {

/// A question what Redis still knows of one producer: an enqueue without any job, whose sequence
/// lies ahead, so that the answer is `GAP` with the last sequence that is known there.
struct Sender::Probe {
  Channel* channel = nullptr;
  std::string producer;
  std::int64_t sequence = 0;
  std::int64_t last = -1;  ///< what Redis knows; -1 = it did not say
};

/// Asks a server that is new to us, or has lost something, about every call it had acknowledged.
/// Without this a loss would show only with the next call to the same queue in the same slot,
/// perhaps never.
void Sender::check_sequences() {
  std::vector<Probe> probes = make_probes();
  constexpr OutgoingEnvelope nothing{};
  for (const Probe& probe : probes) {
    connection_.append(
        probe.channel->call.arguments(probe.producer, probe.sequence, {&nothing, 1}));
  }
  for (Probe& probe : probes) {
    const EnqueueReply reply = read_enqueue_reply(connection_.read()->root());
    if (reply.kind == EnqueueReply::Kind::gap) probe.last = reply.last_sequence;
    if (reply.kind != EnqueueReply::Kind::error) continue;
    const Error error = redis::error_of(reply.text);
    if (error.code() != ErrorCode::unavailable) continue;  // it will be told to the next call
    connection_.close();
    throw error;
  }
  const Lock lock(mutex_);
  for (const Probe& probe : probes) {
    if (probe.last < 0) continue;
    const auto ask = [&](ProducerSequence& sequence) {
      if (sequence.producer() != probe.producer) return false;
      note_loss(*probe.channel, sequence.on_probe(probe.last));
      return true;
    };
    for (Slot& slot : probe.channel->slots) ask(slot.sequence);
    std::erase_if(probe.channel->given_up, ask);
  }
}

/// Nothing is on its way, so only the leader, who is here, touches the sequences; the lists of
/// channels belong to the mutex.
std::vector<Sender::Probe> Sender::make_probes() {
  const Lock lock(mutex_);
  std::vector<Probe> probes;
  for (const auto& [name, channel] : channels_) {
    const auto add = [&, to = channel.get()](const ProducerSequence& sequence) {
      if (!sequence.acknowledged_any()) return;
      probes.push_back({to, sequence.producer(), sequence.probe_sequence()});
    };
    for (Slot& slot : channel->slots) {
      if (Clock::now() - slot.last_call_at > long_silence) slot.sequence.on_long_silence();
      add(slot.sequence);
    }
    for (const ProducerSequence& sequence : channel->given_up) add(sequence);
  }
  return probes;
}

void Sender::give_up(Channel& channel, Flight& flight) {
  constexpr std::size_t most_kept = 16;
  if (flight.slot == nullptr) return;
  ProducerSequence& sequence = flight.slot->sequence;
  const bool tainted = sequence.may_be_stored() && !sequence.is_unconfirmed();
  if (tainted && sequence.acknowledged_any()) {
    if (channel.given_up.size() == most_kept) channel.given_up.erase(channel.given_up.begin());
    channel.given_up.push_back(sequence);
  }
  sequence.on_given_up();
}

void Sender::note_loss(Channel& channel, const ProducerSequence::Decision& decision) {
  if (decision.lost_calls == 0) return;
  channel.announced_on = 0;  // that may be lost too
  losses_.push_back(
      {channel.queue, decision.lost_calls, decision.lost_jobs.count, decision.lost_jobs.exact});
}

void Sender::report_losses() {
  if (!options_.on_loss) return;
  const CallingBack here(this);
  for (const Loss& loss : losses_) {
    try {
      options_.on_loss(loss);
    } catch (...) {
      // A callback that throws must not stop the sending of everybody's jobs.
    }
  }
}

void Sender::count_losses() {
  for (const Loss& loss : losses_) {
    stats_.lost_calls += static_cast<std::uint64_t>(loss.lost_calls);
    stats_.lost_jobs += static_cast<std::uint64_t>(loss.lost_jobs);
  }
  losses_.clear();
}

}  // namespace ferry::detail
