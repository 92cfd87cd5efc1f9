#pragma once

#include <cstdint>
#include <string_view>

#include "ferry/error.hpp"

namespace ferry::redis {

/// What to do about an error that Redis replied.
enum class Remedy : std::uint8_t {
  retry,        ///< LOADING, TRYAGAIN, CLUSTERDOWN, BUSY, MISCONF, NOREPLICAS, MASTERDOWN
  reconnect,    ///< READONLY, UNBLOCKED: then the same call again
  tell_caller,  ///< OOM and everything unknown
  install,      ///< the functions are missing: "ERR Function not found"
  make_group,   ///< NOGROUP: streams were removed under us
  stop,         ///< NOAUTH, WRONGPASS, NOPERM, MOVED and ASK (no cluster client here)
};

/// Sorts an error reply by its first word.
///
/// Source: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors and the
/// error strings of Redis 7.0's server.c.
Remedy remedy_of(std::string_view error_text);

/// Returns: whether Redis ends the connection behind this reply, as it always will for that
/// command.
///
/// Source: setProtocolError in Redis's networking.c.
bool cuts_off(std::string_view error_text);

/// Returns: the exception for an error reply, with its code and a message that says what to do.
Error error_of(std::string_view error_text);

}  // namespace ferry::redis
