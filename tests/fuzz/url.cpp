// Redis URLs, as people write them.
//
// Property: a URL that is read and shown without its password is read again as the same endpoint;
// another password put into it changes nothing else. What is refused is an Error of two codes, its
// message is one short line, and neither it nor the shown URL tells a password.

#include "redis/url.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "cli/parts/redis_url.hpp"
#include "ferry/error.hpp"
#include "fuzz/property.hpp"

namespace ferry::redis {
namespace {

using fuzz::require;

std::pair<std::string, std::uint16_t> address(const HostPort& at) { return {at.host, at.port}; }

void require_equal_but_for_password(const Endpoint& a, const Endpoint& b) {
  require(a.host == b.host && a.port == b.port && a.socket_path == b.socket_path &&
              a.user == b.user && a.database == b.database && a.master_name == b.master_name &&
              std::ranges::equal(a.sentinels, b.sentinels, {}, address, address),
          "the endpoint stays the same");
}

/// What stands between the first ':' of the user part and the last '@': a password, whether the
/// rest is right or not. Nothing when a message may hold it by chance: when it is short, or has no
/// `Z`, which no message of ours has.
std::string_view secret_of(std::string_view url) {
  constexpr std::size_t telling_bytes = 8;
  const std::size_t scheme = url.find("://");
  const std::size_t at = url.rfind('@');
  if (scheme == std::string_view::npos || at == std::string_view::npos || at < scheme + 3)
    return {};
  const std::string_view user = url.substr(scheme + 3, at - scheme - 3);
  const std::size_t colon = user.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view secret = user.substr(colon + 1);
  const bool telling = secret.size() >= telling_bytes && secret.find('Z') != std::string_view::npos;
  return telling ? secret : std::string_view{};
}

void require_refusal(std::string_view url, const Error& error) {
  require(error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::unsupported,
          "a URL is refused as invalid_argument or unsupported");
  const std::string_view message = error.what();
  fuzz::require_message(message);
  const std::string_view secret = secret_of(url);
  if (secret.empty()) return;
  require(message.find(secret) == std::string_view::npos, "a message does not tell the password");
}

void check(std::string_view url) {
  Endpoint endpoint;
  try {
    endpoint = parse_url(url);
  } catch (const Error& error) {
    return require_refusal(url, error);
  }
  const int ways =
      !endpoint.socket_path.empty() + !endpoint.host.empty() + !endpoint.sentinels.empty();
  require(ways == 1, "it is a host, a socket or sentinels");
  const std::string shown = endpoint.redacted();
  // Written out, with ports and escapes, it may be several times as long as it was.
  if (shown.size() > max_url_bytes / 2) return;
  const Endpoint again = parse_url(shown);
  require_equal_but_for_password(endpoint, again);
  require(again.password == (endpoint.password.empty() ? "" : "***"), "the password is hidden");
  const std::string other = "p/w:@ %?#" + std::string(1, '\0') + "ü";
  const Endpoint changed = parse_url(cli::with_password(url, other));
  require_equal_but_for_password(endpoint, changed);
  require(changed.password == other, "any password can be put into a URL");
}

}  // namespace
}  // namespace ferry::redis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ferry::redis::check(ferry::fuzz::text_of(data, size));
  return 0;
}
