#include "cli/parts/redis_url.hpp"

#include "redis/url.hpp"

namespace ferry::cli {

namespace {

std::string rewritten(std::string_view url, std::string_view password) {
  redis::Endpoint endpoint = redis::parse_url(url);
  endpoint.password.clear();
  const std::string user = redis::percent_encoded(endpoint.user);
  endpoint.user.clear();
  // Without user and password nothing is hidden, so this is the whole rest of the URL.
  std::string text = endpoint.redacted();
  const std::size_t authority = text.find("://") + 3;
  if (user.empty() && password.empty()) return text;
  const std::string secret = password.empty() ? "" : ':' + redis::percent_encoded(password);
  return text.insert(authority, user + secret + '@');
}

}  // namespace

std::string with_password(std::string_view url, std::string_view password) {
  return rewritten(url, password);
}

std::string without_password(std::string_view url) { return rewritten(url, ""); }

bool has_password(std::string_view url) { return !redis::parse_url(url).password.empty(); }

std::string shown_url(std::string_view url) { return redis::parse_url(url).redacted(); }

}  // namespace ferry::cli
