#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "client/sender.hpp"
#include "functions/library.hpp"
#include "redis/errors.hpp"

namespace ferry::detail {
namespace {

using std::chrono::milliseconds;

/// Redis forgets producers that were silent for long (ferry_v1_expire_producers): a sequence that
/// goes on after such a silence would look like a loss.
constexpr auto long_silence = std::chrono::hours{1};

constexpr int max_installs = 2;

std::uint64_t system_now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(now).count());
}

std::int64_t room_left(std::int64_t bound, std::int64_t used) {
  return bound == 0 ? std::numeric_limits<std::int64_t>::max() : bound - used;
}

}  // namespace

void Sender::travel() {
  bool anything = false;
  for (Leg& leg : legs_) {
    prepare(leg);
    anything = anything || !leg.empty;
  }
  if (!anything) return;
  try {
    connect();
  } catch (const Error& error) {
    const bool again = error.code() == ErrorCode::unavailable;
    const auto shared = std::make_shared<const Error>(error);
    for (Leg& leg : legs_) {
      leg.fate = again ? Leg::Fate::away : Leg::Fate::broken;
      leg.error = shared;
    }
    return;
  }
  exchange();
}

void Sender::prepare(Leg& leg) {
  Channel& channel = *leg.channel;
  Cargo& cargo = leg.flight->cargo;
  if (!channel.sequence.may_be_stored()) {
    leg.expired = cargo.drop_expired(system_now_ms());
    if (Clock::now() - channel.last_call_at > long_silence) channel.sequence.on_long_silence();
  }
  cargo.seal();
  leg.empty = cargo.jobs() == 0;
  if (leg.empty) leg.fate = Leg::Fate::replied;
}

void Sender::connect() {
  if (!connection_.connected()) {
    library_ready_ = false;
    connection_.connect();
  }
  if (!library_ready_) {
    ensure_library(connection_);
    may_transact_ = may_transact(connection_);
    library_ready_ = true;
  }
}

void Sender::exchange() {
  std::size_t answered = 0;
  try {
    for (Leg& leg : legs_) {
      if (!leg.empty) send(leg);
    }
    connection_.flush();
    for (Leg& leg : legs_) {
      if (!leg.empty) receive(leg);
      ++answered;
    }
  } catch (const Error& error) {
    const auto shared = std::make_shared<const Error>(error);
    for (Leg& leg : std::span(legs_).subspan(answered)) {
      if (leg.empty) continue;
      leg.fate = Leg::Fate::lost;
      leg.error = shared;
      leg.channel->sequence.on_connection_lost();
    }
  }
  for (const Leg& leg : legs_) {
    if (leg.reply.kind == EnqueueReply::Kind::error &&
        redis::remedy_of(leg.reply.text) == redis::Remedy::reconnect) {
      connection_.close();
      break;
    }
  }
}

void Sender::send(Leg& leg) {
  Channel& channel = *leg.channel;
  const std::uint64_t connection = connection_.meter().connects;
  if (channel.announced_on != connection) {
    leg.announces_on = connection;
    const std::string_view add[] = {"SADD", queues_key_, channel.queue};
    connection_.append(add);
  }
  envelopes_.clear();
  for (const Cargo::Part& part : leg.flight->cargo.slice()) {
    envelopes_.push_back({part.place.priority, part.place.run_after, part.bytes, part.jobs});
  }
  const std::string& producer = channel.sequence.producer();
  const std::int64_t sequence = channel.sequence.sequence();
  leg.as_transaction = may_transact_ && EnqueueTransaction::suits(envelopes_);
  if (leg.as_transaction) {
    channel.transaction.append(connection_, producer, sequence, envelopes_);
  } else {
    connection_.append(channel.call.arguments(producer, sequence, envelopes_));
  }
}

void Sender::receive(Leg& leg) {
  if (leg.announces_on != 0) {
    // Refused (out of memory, loading …): announced again with the next call.
    const auto added = connection_.read();
    if (!added->root().is_error()) leg.channel->announced_on = leg.announces_on;
  }
  leg.reply = leg.as_transaction ? leg.channel->transaction.read(connection_)
                                 : read_enqueue_reply(connection_.read()->root());
  leg.decision = leg.channel->sequence.on_reply(leg.reply);
  if (leg.decision.lost_calls > 0) leg.channel->announced_on = 0;  // that may be lost too
  leg.fate = Leg::Fate::replied;
}

void Sender::report_losses() {
  if (!options_.on_loss) return;
  for (const Leg& leg : legs_) {
    if (leg.decision.lost_calls == 0) continue;
    try {
      options_.on_loss(leg.channel->queue, leg.decision.lost_calls);
    } catch (...) {
      // A callback that throws must not stop the sending of everybody's jobs.
    }
  }
}

void Sender::apply(Leg& leg) {
  Flight& flight = *leg.flight;
  flight.on_wire = false;
  expire(flight, leg.expired);
  if (leg.empty) return depart(*leg.channel, leg.flight, nullptr);
  if (leg.fate == Leg::Fate::replied) leg.channel->last_call_at = Clock::now();
  switch (leg.fate) {
    case Leg::Fate::replied:
      return apply_reply(leg);
    case Leg::Fate::broken:
      return fail(*leg.channel, leg.flight, leg.error);
    case Leg::Fate::away:
    case Leg::Fate::lost:
      flight.fullness.reset();
      flight.last_error = leg.error;
      return try_later(leg, Clock::duration::zero());
  }
}

void Sender::apply_reply(Leg& leg) {
  using Step = ProducerSequence::Step;
  stats_.lost_calls += static_cast<std::uint64_t>(leg.decision.lost_calls);
  switch (leg.decision.step) {
    case Step::stored:
      return apply_stored(leg, false);
    case Step::stored_before:
      return apply_stored(leg, true);
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
  leg.channel->refusals.reset();
  leg.flight->installs = 0;
  cargo.slice_stored();
  if (cargo.jobs() == 0) depart(*leg.channel, leg.flight, nullptr);
}

void Sender::apply_full(Leg& leg) {
  const EnqueueReply& reply = leg.reply;
  Flight& flight = *leg.flight;
  leg.channel->hint = {reply.depth_jobs, reply.oldest_age};
  flight.fullness =
      Fullness{reply.depth_jobs, reply.depth_bytes, reply.oldest_age, reply.retry_after};
  if (flight.cargo.shrink_slice(room_left(options_.limits.max_jobs, reply.depth_jobs),
                                room_left(options_.limits.max_bytes, reply.depth_bytes))) {
    return;  // a part may fit: at once
  }
  if (options_.when_full == WhenFull::reject) {
    return fail(*leg.channel, leg.flight, give_up_error(*leg.channel, flight));
  }
  // Jitter, so that many producers do not come back at the same moment.
  std::uniform_real_distribution<double> spread(0.75, 1.25);
  const auto pause = std::chrono::duration<double, std::milli>(
      static_cast<double>(reply.retry_after.count()) * spread(random_));
  try_later(leg, std::chrono::duration_cast<Clock::duration>(pause));
}

void Sender::apply_refusal(Leg& leg) {
  Flight& flight = *leg.flight;
  flight.fullness.reset();
  flight.last_error = std::make_shared<const Error>(redis::error_of(leg.reply.text));
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
  const bool unknown = channel.sequence.may_be_stored();
  const SharedError error = give_up_error(channel, *leg.flight);
  fail(channel, leg.flight, error);
  if (!away || unknown) return;
  // Redis is away: no need to ask again for each of those whose time has come too.
  while (!channel.flights.empty() && channel.flights.front()->deadline <= now &&
         !channel.flights.front()->on_wire) {
    const auto next = channel.flights.front();
    fail(channel, next, error);
  }
}

SharedError Sender::give_up_error(const Channel& channel, const Flight& flight) const {
  const std::string waited = std::to_string(options_.block_timeout.count()) + " ms";
  const std::string last =
      flight.last_error != nullptr ? std::string(": ") + flight.last_error->what() : "";
  if (channel.sequence.may_be_stored()) {
    return std::make_shared<const Error>(
        ErrorCode::outcome_unknown,
        "the connection to Redis broke while jobs for queue \"" + channel.queue +
            "\" were under way and did not come back within block_timeout (" + waited +
            "); they are stored or not, nobody knows" + last);
  }
  if (flight.fullness) {
    const Fullness& full = *flight.fullness;
    return std::make_shared<const Error>(
        "queue \"" + channel.queue + "\" is full: " + std::to_string(full.depth_jobs) + " jobs, " +
            std::to_string(full.depth_bytes) + " bytes, the oldest waits for " +
            std::to_string(full.oldest_age.count()) + " ms; try again in " +
            std::to_string(full.retry_after.count()) + " ms or add workers",
        full);
  }
  return std::make_shared<const Error>(
      ErrorCode::unavailable, "jobs for queue \"" + channel.queue +
                                  "\" could not be stored within block_timeout (" + waited +
                                  "); nothing was stored" + last);
}

void Sender::expire(Flight& flight, const std::vector<JobId>& ids) {
  if (ids.empty()) return;
  flight.fail_singles(
      ids, std::make_shared<const Error>(
               ErrorCode::expired, "the job's expires_after passed before it could be stored"));
  stats_.expired_jobs += ids.size();
  stats_.failed_jobs += ids.size();
  flight.held_jobs -= ids.size();
  held_jobs_ -= ids.size();
  if (room_waiters_ > 0) room_.notify_all();
}

/// What is stored of the flight stays stored; the rest fails with `error`.
void Sender::fail(Channel& channel, const std::shared_ptr<Flight>& flight, SharedError error) {
  Cargo& cargo = flight->cargo;
  stats_.failed_jobs += cargo.jobs();
  if (channel.flights.front() == flight) channel.sequence.on_given_up();
  if (!cargo.partly_stored()) return depart(channel, flight, std::move(error));
  flight->fail_singles(cargo.ids_left(), std::move(error));
  depart(channel, flight, nullptr);
}

void Sender::depart(Channel& channel, const std::shared_ptr<Flight>& flight, SharedError error) {
  const std::shared_ptr<Flight> kept = flight;
  if (channel.flights.front() == kept) {
    channel.flights.pop_front();
  } else {
    std::erase(channel.flights, kept);
  }
  held_jobs_ -= kept->held_jobs;
  held_bytes_ -= kept->held_bytes;
  kept->channel = nullptr;
  kept->settle(std::move(error));
  if (room_waiters_ > 0) room_.notify_all();
}

}  // namespace ferry::detail
