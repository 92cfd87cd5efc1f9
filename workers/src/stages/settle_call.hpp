#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "redis/words.hpp"
#include "stages/leased_envelope.hpp"
#include "stages/report.hpp"
#include "stages/run.hpp"

namespace ferry::detail {

class Leases;

/// One FCALL of the settle thread and the envelopes it is about.
struct SettleCall {
  enum class Kind : std::uint8_t { finish, settle, bury, part, set_aside, release, start };

  Kind kind = Kind::finish;
  std::uint32_t queue = 0;
  Priority priority = Priority::normal;
  std::uint64_t epoch = 0;
  redis::Words arguments{};
  std::vector<LeasedEnvelope*> envelopes{};
  std::size_t bytes = 0;              ///< of the envelopes
  std::vector<std::uint32_t> jobs{};  ///< of `part`: those that leave
  std::size_t given_back = 0;         ///< of these: back to the queue
  std::string holder{};               ///< of `set_aside`
  RunPtr noted{};                     ///< of `start`: some of its suspects
  bool starts = false;                ///< and it runs once this is answered
  bool repeated = false;              ///< sent before without an answer
};

/// Writes the arguments of settle.lua's, parts.lua's and beat.lua's functions.
///
/// Threads: one thread at a time.
class SettleWriter {
 public:
  /// Units: envelopes in one call, and bytes of those whose bodies Redis copies in it.
  static constexpr std::size_t most_finished = 300;
  static constexpr std::size_t most_given_back = 100;
  static constexpr std::size_t most_copied_bytes = 1024 * 1024;

  explicit SettleWriter(const Leases& leases) : leases_(leases) {}

  /// `call.envelopes`: whole envelopes whose jobs are all done.
  void finish(SettleCall& call) const;
  /// All outcomes of an envelope that Redis does not know.
  SettleCall settle(LeasedEnvelope& envelope) const;
  SettleCall bury(const Burial& burial) const;
  /// `call.envelopes`: whole envelopes without an outcome.
  void release(SettleCall& call) const;
  void set_aside(SettleCall& call) const;
  /// The jobs of one envelope that leave it, in pieces of at most `most_copied_bytes`.
  std::vector<SettleCall> parts(LeasedEnvelope& envelope, std::span<const Leaving> leavings) const;
  /// One call for each queue that has suspects in the run.
  void add_starts(std::vector<SettleCall>& calls, const RunPtr& run) const;

 private:
  SettleCall begin(SettleCall::Kind kind, const LeasedEnvelope& envelope) const;
  SettleCall begin_part(LeasedEnvelope& envelope) const;

  const Leases& leases_;
};

}  // namespace ferry::detail
