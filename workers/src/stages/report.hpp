#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ferry/handlers.hpp"
#include "stages/leased_envelope.hpp"
#include "stages/run.hpp"

namespace ferry::detail {

class ControlBoard;
class Leases;

/// What is to be told to Redis of one job.
enum class Verb : std::uint8_t { done, expired, move };

struct Settlement {
  LeasedEnvelope* envelope = nullptr;
  std::uint32_t index = 0;
  Verb verb = Verb::done;
  std::uint32_t move = 0;  ///< index in Report::moves
  std::uint32_t jobs = 1;  ///< of done: so many, from `index` on
};

/// An envelope that cannot be decoded, and why.
struct Burial {
  LeasedEnvelope* envelope = nullptr;
  std::string wrapped;
};

/// Open jobs that leave their envelope together, without an outcome.
struct Leaving {
  enum class To : std::uint8_t {
    queue,         ///< back to the end of their stream, for any worker
    holder,        ///< set aside under a name, for a worker that asks for it
    dead_letters,  ///< they are a part of a bundle that cannot be decoded
  };

  LeasedEnvelope* envelope = nullptr;
  /// Their indexes, ascending. Empty for a whole envelope that was not decoded.
  std::vector<std::uint32_t> jobs{};
  To to = To::queue;
  std::string holder{};  ///< of To::holder
  /// What is stored instead of them, with as many jobs; empty = they are packed anew. Of
  /// To::dead_letters the letter.
  std::string envelope_bytes{};
};

/// What a stage hands to the settle thread.
struct Report {
  std::vector<Settlement> settlements;
  std::vector<Move> moves;
  std::vector<Burial> burials;
  std::vector<Leaving> leavings;
  /// When the jobs ended that are done; zero = when the settle thread is given this.
  std::chrono::steady_clock::time_point at;
};

/// Adds a job that is done; jobs that follow each other in an envelope become one settlement.
void add_done(Report& report, LeasedEnvelope& envelope, std::uint32_t index);

/// Adds a move to the dead letters.
void bury_job(Report& report, LeasedEnvelope& envelope, std::uint32_t index,
              std::string_view reason, int attempts, int deliveries, std::uint64_t now_ms);

/// Turns the outcomes of a run's jobs, `ended.from` up to `ended.to`, into settlements under the
/// retry rule.
///
/// `seed` chooses the jitter; the same seed gives the same settlements.
Report judge(const Run& run, GroupCursor::Ended ended, const HandlerOptions& options,
             std::uint64_t seed, std::uint64_t now_ms);

/// Takes the jobs out of a run that go back to Redis for `run.postponed_for`, as they are.
Report take_postponed(Run& run);

/// Takes the jobs out of a run whose queue is paused: they go back as they are.
Report take_paused(Run& run, const ControlBoard& board);

/// Takes the jobs out of a run whose lease has ended: they belong to another worker now, and to run
/// them here as well would only do the work twice.
///
/// Returns: what is to be told of them; it will be refused as STALE, which frees the credits.
Report take_lost(Run& run, const Leases& leases);

}  // namespace ferry::detail
