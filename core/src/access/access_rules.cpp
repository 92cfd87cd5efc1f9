#include "access/access_rules.hpp"

#include <array>
#include <span>

#include "functions/keys.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

using Words = std::span<const std::string_view>;

/// Commands on keys of a queue, named by what stands behind `<prefix>:{<queue>:<partition>}:`.
struct Grant {
  std::string_view commands;
  std::string_view keys;
};

// Every connection: its database, its name, and whether the functions are there (no keys in that).
constexpr std::string_view any_role = "+select +client|setname +fcall +time";

// What a function of Ferry's may touch is decided by the commands in it, so FCALL itself may name
// any key of the queue: one pattern is faster than ten.
constexpr std::array producer_grants{
    Grant{"+fcall", "*"},
    Grant{"+hmget +hget +hset", "state producers"},
    Grant{"+xadd +xinfo|groups +renamenx +xgroup|create", "ready:* gate:*"},
    Grant{"+hexists +hsetnx", "parked"},
    Grant{"+zadd", "due"},
};

constexpr std::array worker_grants{
    Grant{"+fcall", "*"},
    Grant{"+xreadgroup +xack +xdel +xtrim +xrange +xpending +xclaim +xgroup|create "
          "+xgroup|delconsumer +xinfo|groups +xlen",
          "ready:*"},
    // What Lua does not see goes through a gate, as a producer's large calls do.
    Grant{"+xadd +renamenx", "ready:* gate:*"},
    Grant{"+hexists +hset +hdel +hgetall", "workers"},
    Grant{"+exists +hget +hset +hdel", "progress"},
    Grant{"+hincrby +hget +hset", "state"},
    Grant{"+hget", "control"},
    Grant{"+zrangebyscore +zrange +zscore +zrem +zadd", "due"},
    Grant{"+hsetnx +hexists +hmget +hstrlen +hdel", "parked"},
    Grant{"+zadd", "dead"},
    Grant{"+hscan +hdel", "producers"},
};

constexpr std::string_view reading =
    "+fcall_ro +hget +hmget +hlen +hstrlen +smembers +sismember +scard +sscan +xlen +xpending "
    "+hvals +xinfo|groups +xrange +zcard +zrange +zrangebyscore +zmscore";

// The last line is for large dead letters that go back, and for a queue that is forgotten.
constexpr std::string_view operating =
    "+hset +hdel +hincrby +xadd +xdel +zrem +zscore +zrank "
    "+multi +exec +renamenx +xgroup|create +hscan +unlink";

// What an operator's functions add, beside what they change: letters of the parts of a letter.
constexpr std::array admin_grants{
    Grant{"+hsetnx", "parked"},
    Grant{"+zadd", "dead"},
};

void add_words(std::string_view text, std::string_view before, std::vector<std::string>& words) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(std::string(before) + std::string(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// What every key of the scope begins with; `*` stands for any queue or any partition.
std::vector<std::string> bases_of(std::string_view prefix, const std::vector<std::string>& queues) {
  std::vector<std::string> bases;
  const std::string before = std::string(prefix) + ":{";
  for (const std::string& queue : queues) bases.push_back(before + queue + ":*}:");
  if (queues.empty()) bases.push_back(before + "*}:");
  return bases;
}

std::string selector(std::string_view commands, const std::vector<std::string>& keys) {
  std::string text = "(" + std::string(commands);
  for (const std::string& key : keys) text += ' ' + key;
  return text + ')';
}

std::string selector(const Grant& grant, const std::vector<std::string>& bases) {
  std::vector<std::string> keys;
  for (const std::string& base : bases) add_words(grant.keys, "~" + base, keys);
  return selector(grant.commands, keys);
}

template <std::size_t size>
void add_selectors(const std::array<Grant, size>& grants, std::string_view prefix,
                   const std::vector<std::string>& bases, std::vector<std::string>& words) {
  for (const Grant& grant : grants) words.push_back(selector(grant, bases));
  words.push_back(selector("+sadd", {"~" + queues_key(prefix)}));
}

/// Rights that hold for all keys of the scope alike.
void add_keys(std::string_view permission, std::string_view prefix,
              const std::vector<std::string>& bases, std::vector<std::string>& words) {
  for (const std::string& base : bases) words.push_back(std::string(permission) + base + '*');
  words.push_back("%R~" + queues_key(prefix));
}

}  // namespace

std::vector<std::string> access_rules(Role role, std::string_view prefix,
                                      const std::vector<std::string>& queues) {
  wire::require_name("prefix", prefix);
  for (const std::string& queue : queues) wire::require_name("queue", queue);
  const std::vector<std::string> bases = bases_of(prefix, queues);
  std::vector<std::string> words{"-@all", "resetkeys", "resetchannels"};
  add_words(any_role, "", words);
  switch (role) {
    case Role::producer:
      add_words("+multi +exec +wait +role", "", words);  // replicated(n), sentinels
      add_selectors(producer_grants, prefix, bases, words);
      break;
    case Role::worker:
      add_words("+info +role +multi +exec", "", words);
      add_selectors(worker_grants, prefix, bases, words);
      break;
    case Role::viewer:
      add_words("+ping +info", "", words);
      add_words(reading, "", words);
      add_keys("%R~", prefix, bases, words);
      break;
    case Role::admin:
      add_words("+ping +info +function|load", "", words);
      add_words(reading, "", words);
      add_words(operating, "", words);
      add_keys("~", prefix, bases, words);
      for (const Grant& grant : admin_grants) words.push_back(selector(grant, bases));
      words.push_back(selector("+srem", {"~" + queues_key(prefix)}));
      break;
  }
  return words;
}

}  // namespace ferry
