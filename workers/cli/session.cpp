#include "cli/session.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>

#include "cli/parts/redis_url.hpp"
#include "wire/names.hpp"

namespace ferry::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Redis takes longer ones, but then a URL cannot hold it (see redis/url.hpp).
constexpr std::size_t max_password_bytes = 2048;

std::string password_of(const Globals& globals) {
  if (globals.password_file.empty()) return environment("FERRY_REDIS_PASSWORD");
  std::ifstream file(globals.password_file);
  // Never a line of any length: a wrong name may be that of an image, or of a device without end.
  std::array<char, max_password_bytes + 2> line{};
  if (!file.getline(line.data(), line.size()) || file.gcount() == 0) {
    const bool too_long = file.gcount() + 1 >= static_cast<std::streamsize>(line.size());
    throw Error(ErrorCode::invalid_argument,
                "--password-file " + globals.password_file +
                    (too_long ? " has a first line of more than " +
                                    std::to_string(max_password_bytes) + " bytes"
                              : " has no first line that can be read") +
                    "; write the password there, alone");
  }
  std::string password(line.data());
  if (password.ends_with('\r')) password.pop_back();
  return password;
}

RedisOptions redis_of(const Globals& globals, Output& output) {
  RedisOptions options;
  const std::string from_environment = environment("FERRY_REDIS");
  if (!from_environment.empty()) options.url = from_environment;
  if (!globals.redis.empty()) options.url = globals.redis;
  options.prefix = globals.prefix;
  try {
    options.validate();
  } catch (const Error& error) {
    // A URL that Ferry does not support is the caller's, not a Redis that refused.
    throw Error(ErrorCode::invalid_argument, error.what());
  }
  if (!globals.redis.empty() && has_password(globals.redis)) {
    output.warning(
        "the password in --redis can be seen by every user of this machine; put it into "
        "FERRY_REDIS_PASSWORD or a file for --password-file");
  }
  const std::string password = password_of(globals);
  if (!password.empty()) options.url = with_password(options.url, password);
  return options;
}

}  // namespace

Session::Session(const Globals& globals, Output& output)
    : output_(output), redis_(redis_of(globals, output)) {}

void Session::require_queues(const std::vector<std::string>& names) {
  for (const std::string& name : names) wire::require_name("queue", name);
  const std::vector<std::string> known = Queue::list(redis_);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Failure(exit_found_wrong, "queue \"" + name + "\" was never used under the prefix \"" +
                                        redis_.prefix +
                                        "\"; `ferry queue ls` shows those that were");
  }
}

Queue Session::queue(const std::string& name) {
  require_queues({name});
  return Queue(redis_, name);
}

}  // namespace ferry::cli
