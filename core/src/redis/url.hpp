#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ferry::redis {

/// A user and a password of a kilobyte each fit, percent-encoded or not.
inline constexpr std::size_t max_url_bytes = 8 * 1024;

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

/// Where a Redis server is and who we are there.
struct Endpoint {
  std::string host;  ///< empty for a unix socket
  std::uint16_t port = 0;
  std::string socket_path;  ///< empty for TCP
  std::string user;         ///< empty = Redis's default user
  std::string password;     ///< empty = none
  int database = 0;
  /// Not empty: host and port are not known, these know them.
  std::vector<HostPort> sentinels{};
  std::string master_name{};  ///< as the sentinels call it

  /// Returns: the URL without its password, for logs and messages.
  std::string redacted() const;
};

/// Reads `redis://[user[:password]@]host[:port][/db]` and `unix://[user[:password]@]/path[?db=0]`;
/// `redis://:secret@…` is a password without a user, host may be an IPv6 address in brackets. User,
/// password and path may be percent-encoded.
/// `redis-sentinel://[user[:password]@]host[:port],…/name` with an optional `/db` behind it names
/// the sentinels that know the master of that name.
///
/// Errors: `invalid_argument` naming the part that is wrong (never the password); `unsupported` for
/// `rediss://`.
Endpoint parse_url(std::string_view url);

/// Returns: the text with every byte as `%XX` that may not stand in a URL as it is, and is not in
/// `also_plain`.
std::string percent_encoded(std::string_view text, std::string_view also_plain = "");

}  // namespace ferry::redis
