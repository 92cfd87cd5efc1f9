#include "redis/errors.hpp"

#include <array>
#include <string>

#include "one_line.hpp"

namespace ferry::redis {
namespace {

/// An error whose text begins with a word, or with a whole phrase.
struct Rule {
  std::string_view begins;
  Remedy remedy;
  ErrorCode code;
  std::string_view next_step;
};

constexpr std::array rules{
    Rule{"LOADING", Remedy::retry, ErrorCode::unavailable,
         "Redis is still loading its data; try again"},
    Rule{"TRYAGAIN", Remedy::retry, ErrorCode::unavailable, "a slot is moving; try again"},
    Rule{"CLUSTERDOWN", Remedy::retry, ErrorCode::unavailable,
         "the cluster is not ready; try again"},
    Rule{"BUSY", Remedy::retry, ErrorCode::unavailable,
         "another script holds Redis; try again, or end it with FUNCTION KILL"},
    Rule{"MISCONF", Remedy::retry, ErrorCode::unavailable,
         "Redis cannot write to its disk; see its log, free space, then try again"},
    Rule{"NOREPLICAS", Remedy::retry, ErrorCode::unavailable,
         "too few replicas are in touch (min-replicas-to-write); try again"},
    Rule{"MASTERDOWN", Remedy::retry, ErrorCode::unavailable,
         "the replica has lost its master; try again"},
    Rule{"READONLY", Remedy::reconnect, ErrorCode::unavailable,
         "this server is a replica now; reconnect to reach the master"},
    Rule{"UNBLOCKED", Remedy::reconnect, ErrorCode::unavailable,
         "the server changed its role; reconnect and try again"},
    Rule{"OOM", Remedy::tell_caller, ErrorCode::out_of_memory,
         "raise maxmemory, let workers drain the queue, or set QueueLimits"},
    Rule{"NOGROUP", Remedy::make_group, ErrorCode::unavailable,
         "the queue's streams were removed; workers make them again when they register"},
    Rule{"NOAUTH", Remedy::stop, ErrorCode::denied,
         "put user and password into the URL, or the password into password_file"},
    Rule{"WRONGPASS", Remedy::stop, ErrorCode::denied,
         "check the user in the URL, and the password there or in password_file"},
    Rule{
        "NOPERM", Remedy::stop, ErrorCode::denied,
        "give the user this right, or use another user; `ferry setup --acl` writes users with what "
        "their role needs"},
    Rule{"DENIED", Remedy::stop, ErrorCode::denied,
         "Redis is in protected mode: set a password there, or connect from its own machine"},
    Rule{"MOVED", Remedy::stop, ErrorCode::unsupported,
         "Ferry speaks to a single Redis, not to a cluster"},
    Rule{"ASK", Remedy::stop, ErrorCode::unsupported,
         "Ferry speaks to a single Redis, not to a cluster"},
    Rule{"CROSSSLOT", Remedy::stop, ErrorCode::unsupported,
         "Ferry speaks to a single Redis, not to a cluster"},
    Rule{"FERRYBAD", Remedy::tell_caller, ErrorCode::internal,
         "a program of another version, or a bug in Ferry: please report it"},
    Rule{"FERRYBROKEN", Remedy::tell_caller, ErrorCode::corrupt,
         "somebody wrote into the queue's keys; set that right, then compare with "
         "`ferry queue show --audit`"},
    Rule{"WRONGTYPE", Remedy::tell_caller, ErrorCode::internal,
         "a key of Ferry's holds something else; use a prefix that nobody else uses"},
};

constexpr std::array phrases{
    Rule{"ERR Function not found", Remedy::install, ErrorCode::unsupported,
         "Ferry's functions are missing; run `ferry setup`"},
    Rule{"ERR Protocol error", Remedy::tell_caller, ErrorCode::oversized,
         "Redis cuts the connection off where a command is larger than it takes: raise "
         "proto-max-bulk-len there, or store the payload elsewhere and enqueue a reference"},
    Rule{"ERR unknown command", Remedy::tell_caller, ErrorCode::unsupported,
         "Ferry needs Redis 7.0 or later with its commands under their own names"},
    Rule{"ERR The user executing the script can't", Remedy::stop, ErrorCode::denied,
         "the user lacks a right that the function needs, ACL LOG names it; `ferry setup --acl` "
         "writes users with what their role needs"},
    Rule{"ERR max number of clients reached", Remedy::retry, ErrorCode::unavailable,
         "raise maxclients, or close other connections, then try again"},
};

/// An unknown command is quoted back with its arguments, which may be a password or a payload.
std::string without_arguments(std::string_view text) {
  constexpr std::size_t most = 300;
  return one_line(text.substr(0, text.find(", with args beginning with")), most);
}

const Rule* find_rule(std::string_view text) {
  for (const Rule& rule : phrases) {
    if (text.starts_with(rule.begins)) return &rule;
  }
  const std::string_view word = text.substr(0, text.find(' '));
  for (const Rule& rule : rules) {
    if (word == rule.begins) return &rule;
  }
  return nullptr;
}

}  // namespace

bool cuts_off(std::string_view error_text) { return error_text.starts_with("ERR Protocol error"); }

Remedy remedy_of(std::string_view error_text) {
  const Rule* rule = find_rule(error_text);
  return rule ? rule->remedy : Remedy::tell_caller;
}

Error error_of(std::string_view error_text) {
  static constexpr Rule unknown{
      "", Remedy::tell_caller, ErrorCode::internal,
      "Ferry does not expect this reply; check that this Redis and its functions are Ferry's"};
  const Rule* found = find_rule(error_text);
  const Rule& rule = found ? *found : unknown;
  std::string message = "Redis replied \"";
  message += without_arguments(error_text);
  message += "\": ";
  message += rule.next_step;
  return Error(rule.code, message);
}

}  // namespace ferry::redis
