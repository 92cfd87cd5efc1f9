#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "model/twin.hpp"

namespace ferry::model {

/// A stream's digit and an entry of it.
using EntryKey = std::pair<std::size_t, EntryId>;

/// An envelope as the worker that was given it knows it.
struct HeldEnvelope {
  EntryKey key;
  std::string envelope;
  std::string marks;  ///< one for each job, as in `progress`
  bool suspect = false;
};

/// A call that somebody has sent. It may arrive again as long as the network pleases.
struct SentCall {
  std::string function;
  Words args;
  EntryKey key{1, {}};  ///< the envelope that it is about
  /// For each job of it what the call says: `.` nothing, d done, e expired, r retry at once, p
  /// retry later, f fail, s started; of jobs that leave as parts g to the queue at once, l later, b
  /// to the dead letters.
  std::string told{};

  /// Whether only the holder of the envelope may send it.
  bool tells() const;
};

/// What a worker knows, and what it says: honest, but perhaps late, and perhaps again.
struct WorkerMind {
  std::string name{};  ///< empty while it is not registered
  int born = 0;        ///< names so far
  std::map<EntryKey, HeldEnvelope> holds{};
  std::optional<SentCall> unanswered{};  ///< to be repeated until there is an answer
  std::optional<SentCall> old{};         ///< answered, but a copy may still be under way

  void forget();
  void adopt(const HeldEnvelope& held) { holds[held.key] = held; }
  void learn(const Answer& answer);

  SentCall start(const HeldEnvelope& held, int max_starts) const;
  SentCall settle(const HeldEnvelope& held, const std::string& told) const;
  SentCall done(const HeldEnvelope& held) const;
  SentCall release(const HeldEnvelope& held) const;
  SentCall part(const HeldEnvelope& held, const std::string& told) const;
  SentCall set_aside(const HeldEnvelope& held) const;
};

/// Where workers of the model set envelopes aside.
inline constexpr const char* aside_holder = "~kind:a";

/// What the replies to `fetch` and `reclaim` hand over.
std::vector<HeldEnvelope> fetched(std::size_t digit, const Answer& answer);
std::vector<HeldEnvelope> reclaimed(const Answer& answer);
/// What a reply to `claim` hands over; the bodies are read from the stream.
std::vector<HeldEnvelope> claimed(std::size_t digit, const Answer& answer, const Twin& twin);

}  // namespace ferry::model
