#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "redis/connection.hpp"

namespace ferry::test {

/// Calls by command name, as `INFO commandstats` spells it: `xadd`, `client|setname`.
using CommandCounts = std::map<std::string, std::int64_t>;

/// What a server has done between two looks, the meter's own looks taken out.
struct ServerWork {
  CommandCounts commands;  ///< inside functions too; those that were not called are absent
  std::int64_t bytes_in = 0;
  std::int64_t bytes_out = 0;
};

/// One command as the server ran it. Redis keeps the first 31 arguments, each up to 128 bytes long.
struct Traced {
  std::vector<std::string> words;
  std::size_t size = 0;             ///< arguments, those not kept included
  std::vector<std::string> inside;  ///< of an FCALL: the commands it ran, in order
  std::size_t acked = 0;            ///< ids of the XACKs inside
  std::size_t deleted = 0;          ///< ids of the XDELs inside
  std::int64_t unix_s = 0;          ///< when it was run

  bool is_call_of(std::string_view function) const {
    return size > 1 && words[0] == "FCALL" && words[1] == function;
  }
  /// Units: bytes of the command in Redis's protocol; only for a command that is kept whole.
  std::int64_t bytes() const {
    std::size_t bytes = 3 + std::to_string(size).size();
    for (const std::string& word : words) {
      bytes += 5 + std::to_string(word.size()).size() + word.size();
    }
    return static_cast<std::int64_t>(bytes);
  }
};

/// Reads a server's own counters: `INFO` for how many and how much, `SLOWLOG` with a threshold of
/// zero for which function ran which command.
///
/// Neither changes what is counted: MONITOR would add to the bytes going out.
/// Threads: one thread at a time.
class ServerMeter {
 public:
  /// For `PrivateRedisOptions::arguments`.
  static std::vector<std::string> server_arguments() {
    return {"--slowlog-log-slower-than", "0", "--slowlog-max-len", "1000000"};
  }

  explicit ServerMeter(const RedisOptions& redis) : connection_(redis) { connection_.connect(); }

  void start() {
    connection_.call({"SLOWLOG", "RESET"});
    first_ = look();
  }

  ServerWork since_start() {
    const Look now = look();
    ServerWork work;
    for (const auto& [name, calls] : now.commands) {
      const auto before = first_.commands.find(name);
      std::int64_t more = calls - (before == first_.commands.end() ? 0 : before->second);
      if (name == "info") more -= now.looks_before - first_.looks_before;
      if (more != 0) work.commands[name] = more;
    }
    work.bytes_in = (now.bytes_in - first_.bytes_in) - (now.own_out - first_.own_out);
    work.bytes_out = (now.bytes_out - first_.bytes_out) - (now.own_in - first_.own_in);
    return work;
  }

  /// Returns: every command since `start`, in order; commands of a function with its FCALL.
  std::vector<Traced> trace() {
    const auto reply = connection_.call({"SLOWLOG", "GET", "-1"});
    std::vector<Traced> all = traced(reply->root());
    std::erase_if(all, [](const Traced& one) {
      return (one.words[0] == "INFO" && one.size == own_look_size) ||
             (one.words[0] == "SLOWLOG" && one.size == own_reset_size);
    });
    return all;
  }

  /// Returns: the commands of a reply to SLOWLOG GET, the oldest first; those of a function with
  /// its FCALL, and those of a client of the name `without` not at all.
  static std::vector<Traced> traced(const redis::Reply& log, std::string_view without = {}) {
    std::vector<Traced> all;
    Traced next;
    for (std::size_t i = log.size; i-- > 0;) {  // the newest is the first
      const redis::Reply& words = log[i][3];
      const std::size_t size = size_of(words);
      if (log[i][4].text == inside_a_function) {
        std::string name(words[0].text);
        if (name == "XACK") next.acked += size - 3;
        if (name == "XDEL") next.deleted += size - 2;
        if (name == "XGROUP" || name == "XINFO") name += " " + std::string(words[1].text);
        next.inside.push_back(std::move(name));
        continue;
      }
      for (const redis::Reply& word : words) next.words.emplace_back(word.text);
      next.size = size;
      next.unix_s = log[i][1].integer;
      if (without.empty() || log[i][5].text != without) all.push_back(std::move(next));
      next = {};
    }
    return all;
  }

 private:
  static constexpr std::string_view inside_a_function =
      "?:0";                                        ///< the address of a script's client
  static constexpr std::size_t own_look_size = 3;   ///< INFO stats commandstats
  static constexpr std::size_t own_reset_size = 2;  ///< SLOWLOG RESET

  struct Look {
    CommandCounts commands;
    std::int64_t bytes_in = 0;
    std::int64_t bytes_out = 0;
    std::int64_t own_in = 0;
    std::int64_t own_out = 0;
    std::int64_t looks_before = 0;
  };

  static std::int64_t number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  /// A longer command ends in "... (11 more arguments)".
  static std::size_t size_of(const redis::Reply& words) {
    const std::string_view last = words[words.size - 1].text;
    constexpr std::string_view more = "... (";
    if (!last.starts_with(more) || !last.ends_with(" more arguments)")) return words.size;
    return words.size - 1 + static_cast<std::size_t>(number(last.substr(more.size())));
  }

  /// Redis counts what it reads before it runs a command, and what it writes after it has written:
  /// so the question is counted in its own answer and the answer is not.
  Look look() {
    Look seen;
    seen.looks_before = looks_++;
    seen.own_in = static_cast<std::int64_t>(connection_.meter().bytes_in);
    const auto reply = connection_.call({"INFO", "stats", "commandstats"});
    seen.own_out = static_cast<std::int64_t>(connection_.meter().bytes_out);
    std::string_view rest = reply->root().text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find("\r\n"), rest.size());
      read_line(rest.substr(0, end), seen);
      rest.remove_prefix(std::min(end + 2, rest.size()));
    }
    return seen;
  }

  static void read_line(std::string_view line, Look& seen) {
    constexpr std::string_view in = "total_net_input_bytes:";
    constexpr std::string_view out = "total_net_output_bytes:";
    constexpr std::string_view command = "cmdstat_";
    constexpr std::string_view calls = ":calls=";
    if (line.starts_with(in)) seen.bytes_in = number(line.substr(in.size()));
    if (line.starts_with(out)) seen.bytes_out = number(line.substr(out.size()));
    if (!line.starts_with(command)) return;
    const std::size_t at = line.find(calls);
    const std::string name(line.substr(command.size(), at - command.size()));
    seen.commands[name] = number(line.substr(at + calls.size()));
  }

  redis::Connection connection_;
  Look first_;
  std::int64_t looks_ = 0;
};

}  // namespace ferry::test
