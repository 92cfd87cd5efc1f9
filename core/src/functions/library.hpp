#pragma once

#include <string_view>

#include "redis/connection.hpp"

namespace ferry {

/// The text of the Redis Functions library, all .lua files of this folder joined.
std::string_view library_text();

/// The number that `ferry_v1_revision` answers once that text is loaded.
int library_revision();

/// Makes sure that the library, at this revision or a later one, is in the server; safe to race.
///
/// Returns: true when it had to be loaded.
/// Errors: `unsupported` when the server is older than Redis 7.0, `denied` when the user may not
/// load functions (the message says to run `ferry setup` as one who may), `unavailable`.
bool ensure_library(redis::Connection& connection);

}  // namespace ferry
