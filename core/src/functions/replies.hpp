#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ferry/error.hpp"
#include "redis/reply.hpp"

// What the functions of lease.lua, settle.lua and due.lua reply, checked and bounded before anybody
// counts with it. Elements behind those named here are passed over: that is where later ones go. A
// word in first place that is not known is an error of that call, never taken for OK.
//
// Errors: each reader that returns no optional throws `unknown_reply`.
// Source: core/PROTOCOL.md, "Reserved".

namespace ferry {

/// The word that a reply begins with, or that it is; empty where there is none.
std::string_view word_of(const redis::Reply& reply);

/// Returns: `internal`, with the function and what it answered.
Error unknown_reply(std::string_view function, const redis::Reply& reply);

/// Returns: the number, in `least..most`; a lower one counts as `least`, a higher one as `most`.
std::int64_t bounded(const redis::Reply& integer, std::int64_t least, std::int64_t most);

/// Times and counts that Redis tells are believed up to here: neither a sum of two nor a conversion
/// into nanoseconds overflows.
inline constexpr std::chrono::milliseconds longest_told_time = std::chrono::days{366 * 100};
inline constexpr std::int64_t largest_told_count = std::int64_t{1} << 53;

/// The time in the score of a delayed job or a dead letter: whole ms since 1970, at most the year
/// 2200, and 0 for what is less or no number. Anybody with a right to the key can write `inf` or
/// 1e300 there; what follows the point is left to later versions.
std::uint64_t ms_of_score(std::string_view text);

/// Of `register` and `renew`.
struct LeaseReply {
  bool stale = false;  ///< struck off
  bool paused = false;
};
LeaseReply read_lease_reply(std::string_view function, const redis::Reply& reply);

/// Of `finish`, `settle`, `bury`, `release`, `put_off` and `start`.
enum class SettleWord : std::uint8_t { ok, stale, gone };
/// Returns: nothing for any other word.
std::optional<SettleWord> read_settle_word(const redis::Reply& reply);

/// Of `promote`.
struct PromoteReply {
  std::uint64_t jobs = 0;
  /// Negative = nothing is delayed.
  std::chrono::milliseconds next_due{-1};
  std::string_view
      large;  ///< a due one that is too large for Lua; the view lives as the reply does
  std::int64_t large_bytes = 0;
};
PromoteReply read_promote_reply(const redis::Reply& reply);

/// Of `expire_producers`; the view lives as long as the reply.
struct ExpireReply {
  std::string_view cursor;
  std::size_t forgotten = 0;
};
ExpireReply read_expire_reply(const redis::Reply& reply);

/// A name that no worker has: what is pending under it was never begun, it waits for a worker that
/// can take it.
inline bool is_waiting_place(std::string_view holder) { return holder.starts_with('~'); }

}  // namespace ferry
