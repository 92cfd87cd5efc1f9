#include <string>

#include "ferry/client_options.hpp"
#include "ranges.hpp"
#include "redis/url.hpp"
#include "secrets/password.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

void require_timeout(std::string_view field, std::chrono::milliseconds value) {
  require_between(field, value, std::chrono::milliseconds{1}, std::chrono::hours{1}, "1 ms to 1 h");
}

}  // namespace

void RedisOptions::validate() const {
  const redis::Endpoint endpoint = redis::parse_url(url);
  if (!password_file.empty()) {
    if (!endpoint.password.empty()) {
      throw Error(ErrorCode::invalid_argument,
                  "password_file is " + password_file +
                      ", and url has a password as well: leave one of them out");
    }
    try {
      secrets::first_line(password_file);
    } catch (const Error& error) {
      throw Error(error.code(), std::string("password_file: ") + error.what());
    }
  }
  wire::require_name("prefix", prefix);
  require_timeout("connect_timeout", connect_timeout);
  require_timeout("command_timeout", command_timeout);
}

}  // namespace ferry
