#include <unistd.h>

#include <algorithm>
#include <array>

#include "access/access_rules.hpp"
#include "ferry/error.hpp"
#include "ferry/setup.hpp"
#include "redis/connection.hpp"
#include "redis/errors.hpp"
#include "secrets/password.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

constexpr std::array<std::string_view, 4> role_names{"producer", "worker", "viewer", "admin"};

/// All words of ACL SETUSER behind the name. Starting from nothing, so that rights which an earlier
/// version gave are gone.
std::vector<std::string> words_of(const AccessUser& user, std::string_view password) {
  wire::require_name("user", user.name);
  if (password.empty()) {
    throw Error(ErrorCode::invalid_argument, "the password of user " + user.name + " is empty");
  }
  std::vector<std::string> words{"reset", "on", "#" + secrets::sha256_hex(password)};
  for (std::string& rule : access_rules(user.role, user.prefix, user.queues)) {
    words.push_back(std::move(rule));
  }
  return words;
}

}  // namespace

std::string_view to_string(Role role) { return role_names.at(static_cast<std::size_t>(role)); }

std::optional<Role> parse_role(std::string_view text) {
  const auto found = std::ranges::find(role_names, text);
  if (found == role_names.end()) return std::nullopt;
  return static_cast<Role>(found - role_names.begin());
}

std::string access_line(const AccessUser& user, std::string_view password) {
  std::string line = "ACL SETUSER " + user.name;
  for (const std::string& word : words_of(user, password)) line += ' ' + word;
  return line;
}

void set_access(const RedisOptions& redis, const AccessUser& user, std::string_view password) {
  redis.validate();
  const std::vector<std::string> words = words_of(user, password);
  std::vector<std::string_view> command{"ACL", "SETUSER", user.name};
  command.insert(command.end(), words.begin(), words.end());
  redis::Connection connection(redis);
  connection.call(command);
}

bool save_access(const RedisOptions& redis) {
  redis::Connection connection(redis);
  const redis::ReplyPtr reply = connection.command({"ACL", "SAVE"});
  const redis::Reply& root = reply->root();
  if (!root.is_error()) return true;
  if (root.text.find("not configured to use an ACL file") != std::string_view::npos) return false;
  throw redis::error_of(root.text);
}

std::string password_from_file(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) {
    secrets::write_private_file(path, secrets::random_password() + '\n');
  }
  return secrets::first_line(path);
}

}  // namespace ferry
