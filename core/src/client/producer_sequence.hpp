#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "client/acknowledged_calls.hpp"
#include "functions/enqueue_call.hpp"

namespace ferry::detail {

/// Returns: 16 random hex characters.
std::string make_producer_id();

/// Decides what a reply to an enqueue means, so that a call repeated after a lost reply stores
/// nothing twice and a loss on Redis's side is noticed. One per queue; one call at a time; no I/O.
///
/// Threads: one thread at a time.
/// Source: enqueue.lua, the replies.
class ProducerSequence {
 public:
  enum class Step : std::uint8_t {
    stored,         ///< by this call
    stored_before,  ///< by an earlier sending of this call, whose reply was lost
    unconfirmed,    ///< stored, but not as safely as asked for: repeat it, and ask again
    send_again,     ///< nothing is stored; send at once, producer and sequence have changed
    wait_for_room,  ///< nothing is stored and the sequence is not used up
    refused,        ///< an error reply; this sending stored nothing
    not_understood  ///< a reply that Ferry does not know: stored or not, nobody knows
  };
  struct Decision {
    Step step = Step::stored;
    /// Calls that Redis acknowledged and has lost, and the jobs that were in them.
    std::int64_t lost_calls = 0;
    AcknowledgedCalls::Jobs lost_jobs{};
  };

  explicit ProducerSequence(std::function<std::string()> make_id = make_producer_id);

  /// What the next (or repeated) call must carry.
  const std::string& producer() const { return producer_; }
  std::int64_t sequence() const { return sequence_; }

  /// Whether the call under way may already be stored; then it must be repeated unchanged.
  bool may_be_stored() const { return may_be_stored_; }

  /// `jobs` are those of the call. `confirmed` is false when the copies asked for were not there in
  /// time (see Confirmation).
  Decision on_reply(const EnqueueReply& reply, std::size_t jobs = 0, bool confirmed = true);

  /// A sequence for a call that is refused by any Redis as a GAP, which tells what it knows.
  std::int64_t probe_sequence() const { return sequence_ + 1; }
  /// Whether Redis ought to know this producer.
  bool acknowledged_any() const { return sequence_ > 1; }
  /// `last_sequence` is what that GAP told. `send_again` says that producer and sequence changed.
  Decision on_probe(std::int64_t last_sequence);

  /// Whether the call under way is stored for certain, but not confirmed.
  bool is_unconfirmed() const { return unconfirmed_; }

  /// The call was sent, at least in part, and no reply came.
  void on_connection_lost() {
    may_be_stored_ = true;
    unconfirmed_ = false;  // the next server may be another
  }

  /// The call under way is given up. If it may be stored, its sequence is tainted: the next call
  /// would be a wrong DUP or a wrong GAP under it.
  void on_given_up();

  /// Nothing was sent for so long that Redis may have forgotten this producer.
  void on_long_silence();

 private:
  Decision stored(Step step, std::size_t jobs, bool confirmed);
  Decision lose_all_after(std::int64_t last_sequence);
  void start_over();

  std::function<std::string()> make_id_;
  std::string producer_;
  std::int64_t sequence_ = 1;
  bool may_be_stored_ = false;
  bool unconfirmed_ = false;
  AcknowledgedCalls acknowledged_;
};

}  // namespace ferry::detail
