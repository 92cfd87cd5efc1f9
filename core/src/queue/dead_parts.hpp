#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/job.hpp"
#include "ferry/queue.hpp"

namespace ferry::detail {

/// What is asked for, and what it depends on.
struct RevivalRules {
  std::uint64_t now_ms = 0;     ///< a job that has expired by now would be dropped unrun
  bool ignores_expiry = false;  ///< such a job goes back without its time
  DeadFilter only;
};

/// Jobs of a dead letter that have the same fate.
struct DeadPart {
  enum class Fate : std::uint8_t {
    taken,   ///< put back, or dropped
    stays,   ///< for it cannot be put back
    passed,  ///< it was not asked for
  };

  Fate fate = Fate::taken;
  std::size_t jobs = 0;
  std::vector<std::string> kinds;
  std::string why;       ///< it stays
  bool expired = false;  ///< that is why
  std::string envelope;  ///< to be put back: without attempts and reason
  /// Where there are several parts: a letter of this part alone, and the id that it is kept under.
  std::string letter;
  JobId first_id;
  std::size_t letter_bytes = 0;  ///< of a letter that is stored
};

/// Decides what a dead letter becomes when it is put back. A bundle (delayed envelopes that became
/// due together) is taken apart, so that one of them that cannot be read keeps no other; so is a
/// letter of which some jobs have expired. An envelope that a newer version wrote goes back as it
/// was: a newer worker may run it.
///
/// Returns: one part when the letter stays as it is or is moved as a whole.
std::vector<DeadPart> parts_to_retry(std::string_view letter, const RevivalRules& rules);

/// Decides which jobs of a dead letter are dropped.
///
/// Returns: as above; none of the parts has an envelope.
std::vector<DeadPart> parts_to_drop(std::string_view letter, const DeadFilter& only);

/// Returns: a letter of `parts_to_…` under another id.
std::string with_first_id(std::string letter, const JobId& id);

}  // namespace ferry::detail
