#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <utility>

#include "client/sender.hpp"
#include "functions/library.hpp"
#include "functions/refusal.hpp"
#include "redis/errors.hpp"

namespace ferry::detail {
namespace {

using std::chrono::milliseconds;

constexpr int max_installs = 2;

/// Redis takes commands of this size whatever its configuration says: both proto-max-bulk-len and
/// client-query-buffer-limit are at least as large.
constexpr std::size_t always_taken_bytes = 1024 * 1024;
/// A larger one on which the connection was closed so often, although Redis could be reached in
/// between, will never be taken.
constexpr int most_cuts = 3;

std::uint64_t system_now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(now).count());
}

std::int64_t room_left(std::int64_t bound, std::int64_t used) {
  return bound == 0 ? std::numeric_limits<std::int64_t>::max() : bound - used;
}

}  // namespace

/// Sends what is new and reads the oldest reply, or the oldest that are confirmed together.
///
/// Returns: how many legs, the oldest first, are decided now.
std::size_t Sender::travel() {
  for (Leg& leg : legs_) {
    if (!leg.prepared) prepare(leg);
  }
  std::size_t decided = 0;
  const auto begun = Clock::now();
  try {
    if (!send_new()) return legs_.size();
    decided = receive_oldest();
  } catch (const Error& error) {
    // Calls are answered in turn, so the oldest is the one that Redis did not answer.
    legs_.front().cut = Clock::now() - begun < redis_options_of(options_).command_timeout;
    return lose_from(0, error, Leg::Fate::lost);
  }
  for (std::size_t i = 0; i < decided; ++i) {
    const EnqueueReply& reply = legs_[i].reply;
    if (reply.kind != EnqueueReply::Kind::error) continue;
    if (redis::cuts_off(reply.text)) {
      // This call is refused for good; the others go on with the next connection.
      connection_.close();
      return lose_from(i + 1, redis::error_of(reply.text), Leg::Fate::away);
    }
    if (redis::remedy_of(reply.text) == redis::Remedy::reconnect) {
      connection_.close();
      return lose_from(decided, redis::error_of(reply.text), Leg::Fate::away);
    }
  }
  return decided;
}

void Sender::prepare(Leg& leg) {
  Slot& slot = *leg.flight->slot;
  Cargo& cargo = leg.flight->cargo;
  if (!slot.sequence.may_be_stored()) {
    leg.expired = cargo.drop_expired(system_now_ms());
    if (Clock::now() - slot.last_call_at > long_silence) slot.sequence.on_long_silence();
  }
  cargo.seal();
  if (!slot.sequence.may_be_stored() && options_.limits.max_bytes > 0) {
    leg.oversized = cargo.drop_larger_than(options_.limits.max_bytes);
  }
  leg.empty = cargo.jobs() == 0;
  if (leg.empty) leg.fate = Leg::Fate::replied;
  leg.prepared = true;
}

void Sender::connect() {
  if (!connection_.connected()) {
    library_ready_ = false;
    sequences_checked_ = false;
    connection_.connect();
  }
  if (!library_ready_) {
    ensure_library(connection_);
    may_transact_ = may_transact(connection_);
    if (confirmation_.needed()) confirmation_.check(connection_);
    library_ready_ = true;
  }
  if (!sequences_checked_) {
    check_sequences();
    sequences_checked_ = true;
  }
}

/// Returns: false when Redis cannot be reached; all legs are decided then.
bool Sender::send_new() {
  const auto is_new = [](const Leg& leg) { return !leg.sent && !leg.empty; };
  const auto first = std::ranges::find_if(legs_, is_new);
  if (first == legs_.end()) return true;
  const bool replies_to_come = std::any_of(legs_.begin(), first, std::mem_fn(&Leg::sent));
  // The functions and the sequences are looked at between calls only.
  if (replies_to_come && !(library_ready_ && sequences_checked_)) return true;
  try {
    connect();
  } catch (const Error& error) {
    lose_from(0, error,
              error.code() == ErrorCode::unavailable ? Leg::Fate::away : Leg::Fate::broken);
    return false;
  }
  Leg* last = nullptr;
  for (auto leg = first; leg != legs_.end(); ++leg) {
    if (is_new(*leg)) send(*(last = &*leg));
  }
  if (confirmation_.needed()) {
    confirmation_.append(connection_);
    last->ends_write = true;
  }
  connection_.flush();
  return true;
}

/// The connection is gone: nobody knows what became of the calls under way, from `first` on.
///
/// Returns: the number of all legs.
std::size_t Sender::lose_from(std::size_t first, const Error& error, Leg::Fate unsent) {
  const auto shared = std::make_shared<const Error>(error);
  for (std::size_t i = first; i < legs_.size(); ++i) {
    Leg& leg = legs_[i];
    if (leg.empty) continue;
    ProducerSequence& sequence = leg.flight->slot->sequence;
    leg.fate = leg.sent ? Leg::Fate::lost : unsent;
    leg.error = shared;
    if (leg.sent) sequence.on_connection_lost();
    // What may be stored is asked for again while there is time: passwords and rights change back.
    if (leg.fate == Leg::Fate::broken && sequence.may_be_stored()) leg.fate = Leg::Fate::away;
  }
  return legs_.size();
}

void Sender::send(Leg& leg) {
  leg.sent = true;
  Channel& channel = *leg.channel;
  const std::uint64_t connection = connection_.meter().connects;
  if (channel.must_announce(connection, Clock::now())) {
    leg.announces_on = connection;
    const std::string_view add[] = {"SADD", queues_key_, channel.queue};
    connection_.append(add);
  }
  envelopes_.clear();
  for (const Cargo::Part& part : leg.flight->cargo.slice()) {
    envelopes_.push_back({part.place.priority, part.place.run_after, part.bytes, part.jobs});
  }
  leg.envelopes = envelopes_.size();
  const ProducerSequence& sequence = leg.flight->slot->sequence;
  leg.as_transaction = may_transact_ && EnqueueTransaction::suits(envelopes_);
  if (leg.as_transaction) {
    channel.transaction.append(connection_, sequence.producer(), sequence.sequence(), envelopes_);
  } else {
    connection_.append(
        channel.call.arguments(sequence.producer(), sequence.sequence(), envelopes_));
  }
}

/// Returns: how many legs, the oldest first, have their reply and are decided.
std::size_t Sender::receive_oldest() {
  if (!confirmation_.needed()) {
    if (!legs_.front().empty) {
      read_reply(legs_.front());
      decide(legs_.front());
    }
    return 1;
  }
  std::size_t end = 0;
  bool confirmed = false;
  while (end < legs_.size() && !confirmed) {
    Leg& leg = legs_[end];
    if (!leg.empty && !leg.sent) break;
    if (leg.sent) read_reply(leg);
    confirmed = leg.ends_write;
    ++end;
    if (leg.reply.kind == EnqueueReply::Kind::error && redis::cuts_off(leg.reply.text)) {
      confirmed = false;
      break;
    }
  }
  // Nothing is decided before this is read: the connection may break here too.
  const auto answer = confirmed ? confirmation_.read(connection_) : Confirmation::Answer{};
  for (std::size_t i = 0; i < end; ++i) {
    if (legs_[i].empty) continue;
    legs_[i].confirmed = answer;
    decide(legs_[i]);
  }
  return end;
}

void Sender::read_reply(Leg& leg) {
  if (leg.announces_on != 0) {
    // Refused (out of memory, loading …): announced again with the next call.
    const auto added = connection_.read();
    if (!added->root().is_error()) leg.channel->announced(leg.announces_on, Clock::now());
  }
  leg.reply = leg.as_transaction ? EnqueueTransaction::read(connection_, leg.envelopes)
                                 : read_enqueue_reply(connection_.read()->root());
}

void Sender::decide(Leg& leg) {
  leg.decision = leg.flight->slot->sequence.on_reply(leg.reply, leg.flight->cargo.slice_jobs(),
                                                     leg.confirmed.enough);
  if (leg.decision.lost_calls > 0) {
    note_loss(*leg.channel, leg.decision);
    sequences_checked_ = false;  // what else is lost?
  }
  leg.fate = Leg::Fate::replied;
}

void Sender::apply(Leg& leg) {
  Flight& flight = *leg.flight;
  flight.on_wire = false;
  expire(flight, leg.expired);
  refuse_oversized(flight, leg.oversized);
  if (leg.empty) return depart(*leg.channel, leg.flight, nullptr);
  if (leg.fate == Leg::Fate::replied) flight.slot->last_call_at = Clock::now();
  switch (leg.fate) {
    case Leg::Fate::replied:
      return apply_reply(leg);
    case Leg::Fate::broken:
      return fail(*leg.channel, leg.flight, leg.error);
    case Leg::Fate::away:
    case Leg::Fate::lost:
      flight.fullness.reset();
      flight.last_error = leg.error;
      flight.cuts = leg.cut ? flight.cuts + 1 : 0;
      if (flight.cuts >= most_cuts && flight.cargo.slice_largest() > always_taken_bytes) {
        return fail(*leg.channel, leg.flight, cut_off_error(*leg.channel, flight));
      }
      return try_later(leg, Clock::duration::zero());
  }
}

void Sender::apply_reply(Leg& leg) {
  using Step = ProducerSequence::Step;
  switch (leg.decision.step) {
    case Step::stored:
      return apply_stored(leg, false);
    case Step::stored_before:
      return apply_stored(leg, true);
    case Step::unconfirmed:
      return apply_unconfirmed(leg);
    case Step::send_again:
      return;
    case Step::wait_for_room:
      return apply_full(leg);
    case Step::refused:
      return apply_refusal(leg);
    case Step::not_understood:
      return fail(*leg.channel, leg.flight,
                  std::make_shared<const Error>(ErrorCode::internal, leg.reply.text));
  }
}

void Sender::apply_stored(Leg& leg, bool before) {
  Cargo& cargo = leg.flight->cargo;
  stats_.enqueued_jobs += cargo.slice_jobs();
  stats_.envelopes += cargo.slice().size();
  ++stats_.calls;
  if (before) ++stats_.duplicate_calls;
  leg.channel->hint = {leg.reply.depth_jobs, leg.reply.oldest_age};
  leg.channel->learn_sizes(leg.reply.text);
  leg.channel->refusals.reset();
  set_held_back(*leg.channel, false);
  leg.flight->installs = 0;
  cargo.slice_stored();
  if (cargo.jobs() == 0) depart(*leg.channel, leg.flight, nullptr);
}

/// The same call again, and the same question behind it: until the copies are there, or the time is
/// over.
void Sender::apply_unconfirmed(Leg& leg) {
  ++stats_.unconfirmed_calls;
  leg.channel->hint = {leg.reply.depth_jobs, leg.reply.oldest_age};
  leg.flight->fullness.reset();
  leg.flight->last_error = std::make_shared<const Error>(
      ErrorCode::unconfirmed, "jobs for queue \"" + leg.channel->queue + "\" are " +
                                  confirmation_.shortfall(leg.confirmed, options_.block_timeout));
  try_later(leg, leg.channel->refusals.next());
}

void Sender::apply_full(Leg& leg) {
  const EnqueueReply& reply = leg.reply;
  Flight& flight = *leg.flight;
  leg.channel->hint = {reply.depth_jobs, reply.oldest_age};
  leg.channel->learn_sizes(reply.text);
  flight.fullness =
      Fullness{reply.depth_jobs, reply.depth_bytes, reply.oldest_age, reply.retry_after};
  // Of a call that may still be stored as it was sent, no part may go under the same sequence.
  if (!flight.slot->sequence.may_be_stored() &&
      flight.cargo.shrink_slice(room_left(options_.limits.max_jobs, reply.depth_jobs),
                                room_left(options_.limits.max_bytes, reply.depth_bytes))) {
    return;  // a part may fit: at once
  }
  if (options_.when_full == WhenFull::reject) {
    return fail(*leg.channel, leg.flight, give_up_error(*leg.channel, flight));
  }
  set_held_back(*leg.channel, true);
  // Jitter, so that many producers do not come back at the same moment.
  std::uniform_real_distribution<double> spread(0.75, 1.25);
  const auto pause = std::chrono::duration<double, std::milli>(
      static_cast<double>(reply.retry_after.count()) * spread(random_));
  try_later(leg, std::chrono::duration_cast<Clock::duration>(pause));
}

void Sender::apply_refusal(Leg& leg) {
  Flight& flight = *leg.flight;
  flight.fullness.reset();
  flight.last_error = std::make_shared<const Error>(
      refusal_of(leg.as_transaction ? "ferry_v1_open" : "ferry_v1_enqueue", leg.reply.text));
  switch (redis::remedy_of(leg.reply.text)) {
    case redis::Remedy::retry:
    case redis::Remedy::reconnect:
      return try_later(leg, leg.channel->refusals.next());
    case redis::Remedy::install:
      if (++flight.installs <= max_installs) {
        library_ready_ = false;
        return try_later(leg, Clock::duration::zero());
      }
      break;
    case redis::Remedy::tell_caller:
    case redis::Remedy::make_group:
    case redis::Remedy::stop:
      break;
  }
  fail(*leg.channel, leg.flight, flight.last_error);
}

void Sender::try_later(Leg& leg, Clock::duration pause) {
  Channel& channel = *leg.channel;
  const auto now = Clock::now();
  const bool away = leg.fate != Leg::Fate::replied;
  if (now < leg.flight->deadline) {
    channel.blocked_until = now + pause;
    return;
  }
  const bool unknown = leg.flight->slot->sequence.may_be_stored();
  const SharedError error = give_up_error(channel, *leg.flight);
  fail(channel, leg.flight, error);
  if (!away || unknown) return;
  // Redis is away: no need to ask again for each of those whose time has come too.
  while (!channel.flights.empty() && channel.flights.front()->deadline <= now &&
         may_touch(channel.flights.front())) {
    const auto next = channel.flights.front();
    fail(channel, next, error);
  }
}

}  // namespace ferry::detail
