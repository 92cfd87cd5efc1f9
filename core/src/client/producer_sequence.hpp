#pragma once

#include <cstdint>
#include <functional>
#include <string>

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
    send_again,     ///< nothing is stored; send at once, producer and sequence have changed
    wait_for_room,  ///< nothing is stored and the sequence is not used up
    refused,        ///< an error reply; this sending stored nothing
    not_understood  ///< a reply that Ferry does not know: stored or not, nobody knows
  };
  struct Decision {
    Step step = Step::stored;
    /// Calls that Redis acknowledged and has lost.
    std::int64_t lost_calls = 0;
  };

  explicit ProducerSequence(std::function<std::string()> make_id = make_producer_id);

  /// What the next (or repeated) call must carry.
  const std::string& producer() const { return producer_; }
  std::int64_t sequence() const { return sequence_; }

  /// Whether the call under way may already be stored; then it must be repeated unchanged.
  bool may_be_stored() const { return may_be_stored_; }

  Decision on_reply(const EnqueueReply& reply);

  /// The call was sent, at least in part, and no reply came.
  void on_connection_lost() { may_be_stored_ = true; }

  /// The call under way is given up. If it may be stored, its sequence is tainted: the next call
  /// would be a wrong DUP or a wrong GAP under it.
  void on_given_up();

  /// Nothing was sent for so long that Redis may have forgotten this producer.
  void on_long_silence();

 private:
  void start_over();

  std::function<std::string()> make_id_;
  std::string producer_;
  std::int64_t sequence_ = 1;
  bool may_be_stored_ = false;
};

}  // namespace ferry::detail
