#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "redis/connection.hpp"

namespace ferry::redis {

/// What INFO says, field by field.
using ServerInfo = std::map<std::string, std::string, std::less<>>;

ServerInfo parse_info(std::string_view text);

/// Returns: the section's fields; nothing when the user may not ask.
/// Errors: those of `Connection::command`.
std::optional<ServerInfo> server_info(Connection& connection, std::string_view section);

/// Returns: the field's text, or empty.
std::string_view field(const ServerInfo& info, std::string_view name);

/// Returns: whether `version`, as in "7.0.15", has Redis Functions (7.0 or later).
bool has_functions(std::string_view version);

}  // namespace ferry::redis
