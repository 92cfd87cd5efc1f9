#pragma once

#include <fnmatch.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/access_rules.hpp"
#include "support/function_rows.hpp"

namespace ferry::test {

/// What goes wrong before or in a call: one command of it fails, or one thing that it reads is
/// wrong.
struct Damage {
  std::string name;
  std::function<void(FunctionCall&)> inflict;
  std::function<void()> repair = [] {};  ///< so that an audit can look
};

/// A command inside a function, as ACL rules spell it, and its key; empty when it has none.
struct Inside {
  std::string command;
  std::string key;
  auto operator<=>(const Inside&) const = default;
};

/// Lists all damage that a call can meet on a real server.
///
/// Threads: one thread at a time.
class Damages {
 public:
  using Words = std::vector<std::string>;

  /// `set_rights` is told the words of ACL SETUSER that the caller of the function has.
  Damages(redis::Connection& connection, const Keys& keys, Words rights,
          std::function<void(const Words&)> set_rights)
      : connection_(connection),
        keys_(keys),
        rights_(std::move(rights)),
        set_rights_(std::move(set_rights)) {}

  /// Returns: the damage whose consequences depend on what the caller may take back.
  std::vector<Damage> while_writing(const FunctionCall& call, const std::set<Inside>& inside) {
    list_.clear();
    add_types(call);
    add_withdrawn_rights(call, inside);
    add_last_ids();
    add_counters();
    return std::move(list_);
  }

  /// Returns: the damage that is there before anything is written.
  std::vector<Damage> before_writing(const FunctionCall& call) {
    list_.clear();
    add_values(call);
    add_names(call);
    add(
        "memory is full",
        [this](FunctionCall&) {
          say({"CONFIG", "SET", "maxmemory", "1"});
        },
        [this] {
          say({"CONFIG", "SET", "maxmemory", "0"});
        });
    add_arguments(call);
    add_missing_keys(call);
    return std::move(list_);
  }

 private:
  void add(
      std::string name, std::function<void(FunctionCall&)> inflict,
      std::function<void()> repair = [] {}) {
    list_.push_back({std::move(name), std::move(inflict), std::move(repair)});
  }

  void say(const Words& words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    connection_.command(views);
  }

  std::string short_name(const std::string& key) const { return key.substr(keys_.base.size()); }

  /// Each key of the call becomes one of each other type, or is gone.
  void add_types(const FunctionCall& call) {
    const std::vector<std::pair<std::string, Words>> makers{
        {"string", {"SET", "", "x"}},     {"list", {"RPUSH", "", "x"}},
        {"set", {"SADD", "", "x"}},       {"zset", {"ZADD", "", "1", "x"}},
        {"hash", {"HSET", "", "x", "x"}}, {"stream", {"XADD", "", "1-1", "e", "x"}}};
    for (const std::string& key : std::set<std::string>(call.keys.begin(), call.keys.end())) {
      for (const auto& [type, words] : makers) {
        if (type == own_type(key)) continue;
        Words make = words;
        make[1] = key;
        add(
            short_name(key) + " is a " + type,
            [this, key, make](FunctionCall&) {
              say({"DEL", key});
              say(make);
            },
            [this, key] {
              say({"DEL", key});
            });
      }
      add(short_name(key) + " is gone", [this, key](FunctionCall&) { say({"DEL", key}); });
    }
  }

  std::string own_type(const std::string& key) const {
    const std::string name = short_name(key);
    if (name.starts_with("ready:") || name.starts_with("gate:")) return "stream";
    return name == "due" || name == "dead" ? "zset" : "hash";
  }

  // --- Rights ---

  void add_withdrawn_rights(const FunctionCall& call, const std::set<Inside>& inside) {
    std::set<std::string> commands;
    for (const Inside& one : inside) {
      if (commands.insert(one.command).second) {
        add("no right to " + one.command,
            [this, one](FunctionCall&) { set_rights_(without(one.command, {}, {})); });
      }
      if (one.key.empty()) continue;
      add("no right to " + one.command + " on " + short_name(one.key),
          [this, one, keys = call.keys](FunctionCall&) {
            set_rights_(without(one.command, one.key, keys));
          });
    }
  }

  /// Returns: the rights without a command; with a key, without it on that key only.
  Words without(const std::string& command, const std::string& key, const Words& keys) const {
    Words left;
    bool at_root = false;
    for (const std::string& word : rights_) {
      if (!word.starts_with('(')) {
        left.push_back(word);
        at_root = at_root || word == "+@all" || word == "+" + command;
      } else if (has(word, command)) {
        add_split(word, command, key, left);
      } else {
        left.push_back(word);
      }
    }
    left.push_back("-" + command);
    std::string elsewhere = "(+" + command;
    for (const std::string& other : std::set<std::string>(keys.begin(), keys.end())) {
      if (other != key) elsewhere += " ~" + other;
    }
    if (at_root && !key.empty() && elsewhere.find('~') != std::string::npos) {
      left.push_back(elsewhere + ")");
    }
    return left;
  }

  static bool has(const std::string& selector, const std::string& command) {
    return selector.find("+" + command + " ") != std::string::npos;
  }

  /// A selector, once for each of its patterns, without the command where the pattern fits the key.
  static void add_split(const std::string& selector, const std::string& command,
                        const std::string& key, Words& left) {
    std::string commands;
    Words patterns;
    for (std::size_t at = 1; at < selector.size() - 1;) {
      const std::size_t end = std::min(selector.find(' ', at), selector.size() - 1);
      const std::string word = selector.substr(at, end - at);
      at = end + 1;
      if (word.starts_with('~')) {
        patterns.push_back(word);
      } else if (word != "+" + command) {
        commands += word + " ";
      }
    }
    for (const std::string& pattern : patterns) {
      const bool fits = key.empty() || fnmatch(pattern.c_str() + 1, key.c_str(), 0) == 0;
      const std::string all = commands + (fits ? "" : "+" + command + " ");
      if (!all.empty()) left.push_back("(" + all + pattern + ")");
    }
  }

  // --- What is stored ---

  void add_last_ids() {
    for (const std::string& stream : keys_.ready) {
      for (const char* last : {"5", "4", "3"}) {  // none, one, two are left
        const std::string id = "18446744073709551615-1844674407370955161" + std::string(last);
        add(short_name(stream) + " is at " + id, [this, stream, id](FunctionCall&) {
          say({"XADD", stream, id, "e", "x"});
        });
      }
    }
  }

  void add_counters() {
    for (const char* counter :
         {"accepted", "done", "expired", "cancelled", "delayed", "dead", "bytes"}) {
      for (const char* value :
           {"abc", "", "1.5", "1e400", "nan", "-5", "9223372036854775807", "-9223372036854775808",
            "9007199254740991", "-9007199254740991", "9007199254740993"}) {
        add("the counter " + std::string(counter) + " is '" + value + "'",
            [this, counter, value](FunctionCall&) {
              say({"HSET", keys_.state, counter, value});
            });
      }
    }
  }

  /// Each value in the hashes of the call, and that of the caller, is replaced.
  void add_values(const FunctionCall& call) {
    const std::vector<std::string> garbage{
        "",     "abc",          "-5",    "1e400",
        "nan",  ":5",           "1:abc", "99999999999999999999:1",
        "xxxx", "xxxxxxxxxxxx", "zz",    std::string(2000, '.')};
    for (const std::string& key : {keys_.producers, keys_.workers, keys_.progress, keys_.parked}) {
      if (std::ranges::find(call.keys, key) == call.keys.end()) continue;
      const auto fields = connection_.command({"HKEYS", key});
      for (std::size_t i = 0; i < fields->root().size; ++i) {
        for (const std::string& value : garbage) {
          add(short_name(key) + ", value " + std::to_string(i) + " is '" + value.substr(0, 30) +
                  "'",
              [this, key, i, value](FunctionCall&) {
                say({"HSET", key, field(key, i), value});
              });
        }
        add(short_name(key) + ", value " + std::to_string(i) + " is gone",
            [this, key, i](FunctionCall&) {
              say({"HDEL", key, field(key, i)});
            });
      }
    }
  }

  /// Entry ids differ from run to run, their order does not.
  std::string field(const std::string& key, std::size_t at) {
    const auto reply = connection_.command({"HKEYS", key});
    std::vector<std::string> fields;
    for (const redis::Reply& one : reply->root()) fields.emplace_back(one.text);
    std::ranges::sort(fields);
    return at < fields.size() ? fields[at] : "none";
  }

  /// Names that no function of Ferry's has written.
  void add_names(const FunctionCall& call) {
    for (const std::string& set : {keys_.due, keys_.dead}) {
      if (std::ranges::find(call.keys, set) == call.keys.end()) continue;
      for (const char* name : {"zzz", "", "3:00000000000000000000000000000000",
                               "1:00000000000000000000000000000000"}) {
        for (const bool has_bytes : {false, true}) {
          add(short_name(set) + " has '" + name + (has_bytes ? "' with bytes" : "' alone"),
              [this, set, name, has_bytes](FunctionCall& damaged) {
                say({"ZADD", set, "0", name});
                if (has_bytes) say({"HSET", keys_.parked, name, "x"});
                const std::string& function = damaged.function;
                if (function != "dead_retry" && function != "dead_drop") return;
                const bool retry = function == "dead_retry";
                damaged.arguments.insert(damaged.arguments.begin(), name);
                if (retry) {
                  damaged.arguments.insert(damaged.arguments.begin() + 1, damaged.arguments.back());
                }
              });
        }
      }
      for (const char* score : {"inf", "-inf", "1e300"}) {
        add(short_name(set) + " has a score of " + score, [this, set, score](FunctionCall&) {
          const auto first = connection_.command({"ZRANGE", set, "0", "0"});
          if (first->root().size > 0) say({"ZADD", set, score, std::string(first->root()[0].text)});
        });
      }
    }
  }

  // --- What is told ---

  void add_arguments(const FunctionCall& call) {
    const std::vector<std::string> garbage{"",
                                           "x",
                                           "-1",
                                           "1.5",
                                           "nan",
                                           "inf",
                                           "1e400",
                                           "9007199254740992",
                                           "31622400001",
                                           "99999999999999999999",
                                           "99999999999999999999-1",
                                           "1-1",
                                           std::string(40, 'x')};
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
      for (const std::string& value : garbage) {
        add("argument " + std::to_string(i + 1) + " is '" + value.substr(0, 25) + "'",
            [i, value](FunctionCall& damaged) { damaged.arguments[i] = value; });
      }
    }
    for (const std::size_t more : {1U, 2U, 3U, 4U, 9000U}) {
      add(std::to_string(more) + " arguments more", [more](FunctionCall& damaged) {
        damaged.arguments.insert(damaged.arguments.end(), more, "x");
      });
    }
    for (std::size_t left = 0; left < call.arguments.size(); ++left) {
      add(std::to_string(left) + " arguments",
          [left](FunctionCall& damaged) { damaged.arguments.resize(left); });
    }
  }

  void add_missing_keys(const FunctionCall& call) {
    for (std::size_t left = 0; left < call.keys.size(); ++left) {
      add(std::to_string(left) + " keys",
          [left](FunctionCall& damaged) { damaged.keys.resize(left); });
    }
  }

  redis::Connection& connection_;
  const Keys& keys_;
  Words rights_;
  std::function<void(const Words&)> set_rights_;
  std::vector<Damage> list_;
};

}  // namespace ferry::test
