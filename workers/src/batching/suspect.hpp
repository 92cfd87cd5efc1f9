#pragma once

#include <cstdint>

namespace ferry::detail {

/// What is known of a job whose worker died with it.
enum class Suspect : std::uint8_t {
  no,
  once,   ///< one of all that its worker held: runs together with others like it
  again,  ///< a worker died while it ran as a suspect, or it has not many chances: runs alone
};

/// What a job that was running in `deliveries` workers when they died still is, of an envelope
/// whose worker died.
///
/// A worker that dies takes thousands of jobs along, of which hardly one is guilty; alone they
/// would take minutes. So all run together first. What then dies once more runs alone, and has two
/// chances in that: an innocent job is not buried because others near it were guilty.
constexpr Suspect suspect_after(int deliveries, int max_deliveries) {
  constexpr int chances_alone = 2;
  return deliveries == 0 && max_deliveries > chances_alone ? Suspect::once : Suspect::again;
}

}  // namespace ferry::detail
