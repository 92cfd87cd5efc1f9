#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client/confirmation.hpp"
#include "client/flight.hpp"
#include "client/producer_sequence.hpp"
#include "functions/enqueue_call.hpp"
#include "functions/enqueue_transaction.hpp"
#include "functions/keys.hpp"
#include "redis/backoff.hpp"

namespace ferry::detail {

/// Redis forgets producers that were silent for long (ferry_v1_expire_producers): a sequence that
/// goes on after such a silence would look like a loss.
constexpr auto long_silence = std::chrono::hours{1};

/// One call that may be under way, with the sequence that lets it happen once.
struct Slot {
  ProducerSequence sequence;
  Clock::time_point last_call_at{};
  Flight* flight = nullptr;  ///< whose call is under way or must be repeated; null = free
};

/// One queue as its producer sees it: what waits for it, and the calls that may be under way.
///
/// Threads: guarded by the Sender's mutex; `call`, `transaction`, the sequences and `announced_on`
/// by its leader.
struct Channel {
  Channel(std::string_view prefix, std::string_view name, const QueueLimits& limits)
      : queue(name), call(Keys(prefix, name), limits), transaction(Keys(prefix, name), limits) {}

  /// Whether the next call adds the queue to the set of all queues: the first one on a connection,
  /// and one a minute, for somebody may have taken the queue out (`ferry queue forget`).
  bool must_announce(std::uint64_t connection, Clock::time_point now) const {
    return announced_on != connection || now - announced_at > std::chrono::minutes{1};
  }
  void announced(std::uint64_t connection, Clock::time_point now) {
    announced_on = connection;
    announced_at = now;
  }

  /// Takes what Redis told of envelopes with its last reply.
  void learn_sizes(const std::string& hints) {
    if (hints == (sizes == nullptr ? std::string_view{} : std::string_view{sizes->hints()})) return;
    sizes = hints.empty() ? nullptr : std::make_shared<const EnvelopeSizes>(hints);
  }

  std::string queue;
  EnqueueCall call;
  EnqueueTransaction transaction;
  /// Two, so that Redis has work while we read its reply and pack the next call.
  std::array<Slot, 2> slots;
  /// Producers that were given up with a call that may be stored: what they stored before can still
  /// get lost. Checked with the next connection, then forgotten.
  std::vector<ProducerSequence> given_up;
  /// The connection (counted) on which the queue was added to the set of all queues, and when.
  std::uint64_t announced_on = 0;
  Clock::time_point announced_at{};

  static constexpr std::size_t idle = static_cast<std::size_t>(-1);
  /// Its place among the channels that have flights; `idle` = it has none.
  std::size_t place = idle;
  std::deque<std::shared_ptr<Flight>> flights;  ///< the oldest first; the last may be open
  Clock::time_point blocked_until{};
  /// Its last call was refused because the queue is full.
  bool held_back = false;
  Held held;  ///< what its flights take of the local buffer
  redis::ReconnectBackoff refusals;
  QueueHint hint;
  std::shared_ptr<const EnvelopeSizes> sizes;  ///< null = the workers have told none
};

/// One call on its way: what was sent and what came back.
struct Leg {
  enum class Fate : std::uint8_t {
    away,    ///< not sent: Redis cannot be reached or is not ready
    lost,    ///< sent, at least in part; no reply
    broken,  ///< not sent, and trying again will not help
    replied
  };

  Channel* channel = nullptr;
  std::shared_ptr<Flight> flight;
  std::vector<Cargo::Named> expired;
  std::vector<Cargo::Named> oversized;
  bool prepared = false;
  bool sent = false;
  bool empty = false;       ///< nothing was left to send
  bool cut = false;         ///< lost, and the connection was closed while Redis had to answer it
  bool ends_write = false;  ///< behind it we ask whether all that was sent is safe
  std::size_t envelopes = 0;
  Fate fate = Fate::away;
  SharedError error;               ///< of away, lost and broken
  std::uint64_t announces_on = 0;  ///< 0 = the queue is not announced by this call
  bool as_transaction = false;
  EnqueueReply reply;
  Confirmation::Answer confirmed{.enough = true};
  ProducerSequence::Decision decision;
};

}  // namespace ferry::detail
