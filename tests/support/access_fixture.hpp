#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "ferry/setup.hpp"
#include "functions/keys.hpp"
#include "support/error_from.hpp"
#include "support/mutant.hpp"
#include "support/redis_test.hpp"

namespace ferry::test {

struct Note {
  static constexpr std::string_view kind = "note";
  std::string text{};
  MSGPACK_DEFINE_MAP(text)
};

using Command = std::vector<std::string>;

/// A server with the functions and one user for each role, as `ferry setup --acl` makes them.
class AccessTest : public RedisTest {
 protected:
  void SetUp() override {
    RedisTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    install_functions(options());
    for (const Role role : {Role::producer, Role::worker, Role::viewer, Role::admin}) make(role);
    redis::Connection connection(options());
    load_mutant(connection);
    connection.call({"ACL", "LOG", "RESET"});
  }

  /// Gives the role's user rights to some queues, or to all.
  static void make(Role role, const std::vector<std::string>& queues = {}) {
    set_access(options(), {.name = std::string(to_string(role)), .role = role, .queues = queues},
               password);
  }

  static RedisOptions as(Role role) {
    return {.url = "unix://" + std::string(to_string(role)) + ":" + password + "@" +
                   server().socket_path()};
  }

  static ClientOptions producing(Role role, const std::string& queue = "mail") {
    ClientOptions client;
    client.redis = as(role);
    client.queue = queue;
    client.block_timeout = std::chrono::seconds{20};
    return client;
  }

  /// Returns: Redis's answer to a command that a role's user sends as it is.
  static std::string answer(Role role, const Command& command) {
    redis::Connection connection(as(role));
    const std::vector<std::string_view> words(command.begin(), command.end());
    return show(connection.command(words)->root());
  }

  static void expect_refused(Role role, const std::vector<Command>& commands) {
    for (const Command& command : commands) {
      const std::string text = answer(role, command);
      const bool refused = text.starts_with("error NOPERM") ||
                           text.starts_with("error ERR The user executing the script can't");
      EXPECT_TRUE(refused) << to_string(role) << " may say " << command[0] << ' '
                           << (command.size() > 1 ? command[1] : "") << ": " << text;
    }
  }

  /// What Redis refused since the test began, as `user: command or key`.
  static std::vector<std::string> refusals() {
    redis::Connection connection(options());
    const redis::ReplyPtr log = connection.call({"ACL", "LOG"});
    std::vector<std::string> refused;
    for (const redis::Reply& entry : log->root()) {
      std::string object;
      std::string user;
      for (std::size_t i = 0; i + 1 < entry.size; i += 2) {
        if (entry[i].text == "object") object = entry[i + 1].text;
        if (entry[i].text == "username") user = entry[i + 1].text;
      }
      refused.push_back(user + ": " + object);
    }
    return refused;
  }

  static Queue look(const std::string& queue = "mail") { return {options(), queue}; }

  static constexpr const char* password = "a-password-of-the-test";
  const Keys keys{"ferry", "mail"};
};

}  // namespace ferry::test
