#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/redis_test.hpp"

namespace ferry::test {

/// Everything a server stores, a line for each thing, sorted: for comparing before and after. What
/// an undone command may leave is left out: an empty stream, a stream's last id, idle times, a
/// counter of 0.
inline std::vector<std::string> stored(redis::Connection& connection) {
  std::vector<std::string> lines;
  const auto line = [&](std::string_view key, const std::string& what) {
    lines.push_back(std::string(key) + " " + what);
  };
  const auto pairs = [&](std::string_view key, const redis::Reply& list) {
    for (std::size_t i = 0; i + 1 < list.size; i += 2) {
      const std::string value = show(list[i + 1]);
      if (value == "0" && key.ends_with(":state")) continue;  // as one that is not there
      line(key, show(list[i]) + " = " + value);
    }
  };
  const redis::ReplyPtr keys = connection.call({"KEYS", "*"});
  for (const redis::Reply& name : keys->root()) {
    const std::string_view key = name.text;
    const std::string type = show(connection.call({"TYPE", key})->root());
    if (type == "hash") {
      pairs(key, connection.call({"HGETALL", key})->root());
    } else if (type == "zset") {
      pairs(key, connection.call({"ZRANGE", key, "0", "-1", "WITHSCORES"})->root());
    } else if (type == "stream") {
      const auto entries = connection.call({"XRANGE", key, "-", "+"});
      for (const redis::Reply& entry : entries->root()) line(key, "entry " + show(entry));
      const auto pending = connection.command({"XPENDING", key, group_name, "-", "+", "100000"});
      if (pending->root().is_error()) continue;  // no group
      for (const redis::Reply& one : pending->root()) {
        line(key, "pending " + show(one[0]) + " of " + show(one[1]) + " " + show(one[3]));
      }
    } else {
      line(key, type + " " + show(connection.command({"DUMP", key})->root()));
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// Returns: the lines that are on one side only, cut, or nothing.
inline std::string difference(const std::vector<std::string>& before,
                              const std::vector<std::string>& after) {
  constexpr std::size_t most = 200;
  std::string text;
  const auto only_in = [&](const char* mark, const std::vector<std::string>& these,
                           const std::vector<std::string>& those) {
    std::vector<std::string> rest;
    std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                        std::back_inserter(rest));
    for (const std::string& line : rest) text += mark + line.substr(0, most) + "\n";
  };
  only_in("- ", before, after);
  only_in("+ ", after, before);
  return text;
}

}  // namespace ferry::test
