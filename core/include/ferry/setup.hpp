#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/client_options.hpp"

namespace ferry {

/// Installs Ferry's functions into Redis, or finds them there; safe to repeat and to race.
///
/// Returns: true when something had to be installed.
/// Errors: `denied` when the user may not load functions, `unsupported` below Redis 7.0.
bool install_functions(const RedisOptions& redis);

/// What a user of Redis may do with Ferry's queues.
enum class Role : std::uint8_t {
  producer,  ///< enqueue; neither read jobs nor settle them
  worker,    ///< fetch and settle; neither pause, purge nor touch dead letters that are there
  viewer,    ///< look at everything, change nothing
  admin,     ///< look, pause, purge, retry and drop dead letters, install the functions
};

std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view text);

/// A user of Redis with the rights of one role.
struct AccessUser {
  /// `[A-Za-z0-9_.-]{1,64}`.
  std::string name;
  Role role = Role::viewer;
  std::string prefix = "ferry";
  /// Empty = every queue under the prefix.
  std::vector<std::string> queues{};
};

/// Returns: `ACL SETUSER …` in full, with the password's SHA-256 in place of the password.
/// Errors: `invalid_argument` for a bad name or an empty password.
std::string access_line(const AccessUser& user, std::string_view password);

/// Makes the user, or gives it exactly these rights and this password if it is there.
///
/// Errors: `invalid_argument`; `denied` when we may not (ACL SETUSER); what a connection throws.
void set_access(const RedisOptions& redis, const AccessUser& user, std::string_view password);

/// Writes all users to Redis's own ACL file.
///
/// Returns: false when Redis has none, so that users are forgotten when it ends.
[[nodiscard]] bool save_access(const RedisOptions& redis);

/// The password in the first line of a file; made by chance where there is no file (mode 0600).
///
/// Errors: `invalid_argument` when the file can be neither read nor made.
std::string password_from_file(const std::string& path);

enum class CheckResult : std::uint8_t { ok, warning, failed };

/// One line of `ferry doctor`: what was looked at, what was found, what to do.
struct Check {
  std::string name;
  CheckResult result = CheckResult::ok;
  std::string found;
  std::string advice;  ///< empty when ok
};

/// Makes sure that Redis can be reached, knows the user and answers: for a program that wants to
/// know it before its first job.
///
/// Errors: `unavailable` with the address and the reason, within `connect_timeout` and
/// `command_timeout`; `denied`; `invalid_argument` for bad options.
void check_connection(const RedisOptions& redis);

/// Looks at the server: reachable, version, role, eviction, memory, what a crash loses, time-outs,
/// replicas, functions, round trip.
///
/// Errors: none; a server that is away is a failed check.
[[nodiscard]] std::vector<Check> check_server(const RedisOptions& redis);

}  // namespace ferry
