#include "cli/session.hpp"

#include <cstdlib>

#include "cli/parts/redis_url.hpp"
#include "secrets/password.hpp"
#include "wire/names.hpp"

namespace ferry::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// A file that is named goes before the password itself.
void add_password(const Globals& globals, RedisOptions& options) {
  options.password_file = globals.password_file;
  if (options.password_file.empty()) {
    options.password_file = environment("FERRY_REDIS_PASSWORD_FILE");
  }
  if (options.password_file.empty()) {
    const std::string password = environment("FERRY_REDIS_PASSWORD");
    if (!password.empty()) options.url = with_password(options.url, password);
    return;
  }
  try {
    secrets::first_line(options.password_file);
  } catch (const Error& error) {
    throw Error(error.code(), (globals.password_file.empty() ? "FERRY_REDIS_PASSWORD_FILE "
                                                             : "--password-file ") +
                                  std::string(error.what()));
  }
  options.url = without_password(options.url);
}

RedisOptions redis_of(const Globals& globals) {
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
    throw Error(ErrorCode::invalid_argument,
                "the password in --redis can be seen by every user of this machine; put it into a "
                "file for --password-file, or into FERRY_REDIS_PASSWORD");
  }
  add_password(globals, options);
  return options;
}

}  // namespace

Session::Session(const Globals& globals, Output& output)
    : output_(output), redis_(redis_of(globals)) {}

void Session::require_queues(const std::vector<std::string>& names) {
  for (const std::string& name : names) wire::require_name("queue", name);
  Queues known = queues();
  known.connect();
  for (const std::string& name : names) {
    bool is_known = true;
    try {
      is_known = known.knows(name);
    } catch (const Error& error) {
      if (exit_of(error.code()) == exit_unreachable) throw;
      output_.warning("whether queue " + name + " was ever used cannot be told: " + error.what());
      return;
    }
    if (is_known) continue;
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
