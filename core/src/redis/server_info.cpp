#include "redis/server_info.hpp"

#include <charconv>

#include "redis/errors.hpp"

namespace ferry::redis {

ServerInfo parse_info(std::string_view text) {
  ServerInfo info;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    info.insert_or_assign(std::string(line.substr(0, colon)), std::string(line.substr(colon + 1)));
  }
  return info;
}

std::optional<ServerInfo> server_info(Connection& connection, std::string_view section) {
  const ReplyPtr reply = connection.command({"INFO", section});
  if (reply->root().is_error()) {
    if (error_of(reply->root().text).code() == ErrorCode::unavailable) {
      throw error_of(reply->root().text);
    }
    return std::nullopt;
  }
  return parse_info(reply->root().text);
}

std::string_view field(const ServerInfo& info, std::string_view name) {
  const auto found = info.find(name);
  return found == info.end() ? std::string_view{} : std::string_view(found->second);
}

bool has_functions(std::string_view version) {
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major >= 7;
}

}  // namespace ferry::redis
