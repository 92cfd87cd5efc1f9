#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/redis_test.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {

/// How much the counters of a queue say beyond what is found; nothing for a counter that is no
/// number. Bytes that no producer can have stored were never counted.
struct Imbalance {
  std::optional<std::int64_t> ready, delayed, dead, bytes;

  /// Returns: whether nothing is further from 0 than before.
  bool no_worse_than(const Imbalance& before) const {
    return near(ready, before.ready) && near(delayed, before.delayed) && near(dead, before.dead) &&
           near(bytes, before.bytes);
  }

 private:
  using Sum = std::optional<std::int64_t>;
  static bool near(const Sum& after, const Sum& before) {
    if (!after || !before) return after.has_value() == before.has_value();
    return *after == *before ||
           std::abs(static_cast<double>(*after)) < std::abs(static_cast<double>(*before));
  }
};

/// Everything that is stored of a queue, readable, and what its books lack.
///
/// Left out is what a function may change although it failed: idle times, the ids that a stream has
/// used up, a counter of 0 in place of none, an empty stream in place of none.
/// Threads: one thread at a time.
class QueueSnapshot {
 public:
  QueueSnapshot(redis::Connection& connection, const Keys& keys) : keys_(keys) {
    const redis::ReplyPtr names = connection.call({"KEYS", keys.base + "*"});
    for (const redis::Reply& name : names->root()) connection.append({"TYPE", name.text});
    std::map<std::string, std::string> types;
    for (const redis::Reply& name : names->root()) {
      types[std::string(name.text)] = connection.read()->root().text;
    }
    for (const auto& [key, type] : types) ask(connection, key, type);
    for (const auto& [key, type] : types) read(connection, key, type);
    std::ranges::sort(lines_);
    count();
  }

  const std::vector<std::string>& lines() const { return lines_; }
  const Imbalance& imbalance() const { return imbalance_; }

  /// Returns: the lines that only one of them has.
  std::string changes_to(const QueueSnapshot& after) const {
    std::string text;
    const auto only_in = [&](const char* sign, const auto& these, const auto& those) {
      std::vector<std::string> rest;
      std::ranges::set_difference(these, those, std::back_inserter(rest));
      for (const std::string& line : rest) text += std::string(sign) + line + "\n";
    };
    only_in("  - ", lines_, after.lines_);
    only_in("  + ", after.lines_, lines_);
    return text;
  }

 private:
  static void ask(redis::Connection& connection, const std::string& key, std::string_view type) {
    if (type == "string") connection.append({"GET", key});
    if (type == "list") connection.append({"LRANGE", key, "0", "-1"});
    if (type == "set") connection.append({"SMEMBERS", key});
    if (type == "zset") connection.append({"ZRANGE", key, "0", "-1", "WITHSCORES"});
    if (type == "hash") connection.append({"HGETALL", key});
    if (type != "stream") return;
    connection.append({"XRANGE", key, "-", "+"});
    connection.append({"XINFO", "GROUPS", key});
    connection.append({"XPENDING", key, group_name, "-", "+", "1000"});
    connection.append({"XINFO", "CONSUMERS", key, group_name});
  }

  void read(redis::Connection& connection, const std::string& key, std::string_view type) {
    const std::string name = key.substr(keys_.base.size());
    if (type == "stream") return read_stream(connection, key, name);
    const redis::ReplyPtr reply = connection.read();
    if (type != "hash" && type != "zset") {
      lines_.push_back(name + " is a " + std::string(type) + ": " + show(reply->root()));
      return;
    }
    for (std::size_t i = 0; i + 1 < reply->root().size; i += 2) {
      const std::string field(reply->root()[i].text);
      const std::string value(reply->root()[i + 1].text);
      (type == "hash" ? hashes_ : sets_)[name][field] = value;
      if (name == "state" && value == "0") continue;
      lines_.push_back(name + " " + field + " = " + value);
    }
  }

  void read_stream(redis::Connection& connection, const std::string& key, const std::string& name) {
    const redis::ReplyPtr entries = connection.read(), groups = connection.read(),
                          pending = connection.read(), consumers = connection.read();
    for (const redis::Reply& entry : entries->root()) {
      lines_.push_back(name + " entry " + show(entry));
      if (entry[1].size > 1) streams_[key.back()][std::string(entry[0].text)] = entry[1][1].text;
    }
    for (const redis::Reply& group : groups->root()) {
      const std::string_view last = group[7].text;  // last-delivered-id
      if (entries->root().size == 0 && last == "0-0" && consumers->root().size == 0) continue;
      lines_.push_back(name + " group " + std::string(group[1].text) + " at " + std::string(last));
    }
    if (!pending->root().is_error()) {
      for (const redis::Reply& held : pending->root()) {
        lines_.push_back(name + " pending " + std::string(held[0].text) + " of " +
                         std::string(held[1].text) + ", delivered " + show(held[3]));
      }
    }
    if (consumers->root().is_error()) return;
    for (const redis::Reply& consumer : consumers->root()) {
      lines_.push_back(name + " consumer " + std::string(consumer[1].text));
    }
  }

  static std::int64_t jobs_in(const std::string& bytes) {
    const auto head = wire::decode_head(bytes);
    return head ? static_cast<std::int64_t>(head->count) : 0;
  }

  void count() {
    std::int64_t ready = 0, bytes = 0;
    const auto& progress = hashes_["progress"];
    for (const auto& [digit, entries] : streams_) {
      for (const auto& [id, envelope] : entries) {
        const auto marks = progress.find(std::string{digit, ':'} + id);
        const std::int64_t jobs = jobs_in(envelope);
        ready += jobs;
        // Marks of another length are not those of this envelope.
        if (marks != progress.end() && static_cast<std::int64_t>(marks->second.size()) == jobs) {
          ready -= std::ranges::count(marks->second, 'x');
        }
        if (jobs > 0) bytes += static_cast<std::int64_t>(envelope.size());
      }
    }
    std::int64_t delayed = 0, dead = 0;
    const auto& parked = hashes_["parked"];
    const auto parked_in = [&](const char* set, std::int64_t& jobs, std::int64_t* bytes_in) {
      for (const auto& [name, score] : sets_[set]) {
        const auto found = parked.find(name);
        if (found == parked.end()) continue;
        const std::int64_t jobs_of_it = jobs_in(found->second);
        jobs += jobs_of_it;
        if (bytes_in != nullptr && jobs_of_it > 0)
          *bytes_in += static_cast<std::int64_t>(found->second.size());
      }
    };
    parked_in("due", delayed, &bytes);
    parked_in("dead", dead, nullptr);
    imbalance_.delayed = counters({"delayed"}, -delayed);
    imbalance_.dead = counters({"dead"}, -dead);
    imbalance_.bytes = counters({"bytes"}, -bytes);
    imbalance_.ready =
        counters({"accepted", "-done", "-expired", "-cancelled", "-delayed", "-dead"}, -ready);
  }

  /// Returns: the sum of the counters, those with a minus taken away, and `sum`.
  std::optional<std::int64_t> counters(std::initializer_list<std::string_view> names,
                                       std::int64_t sum) {
    for (std::string_view name : names) {
      const bool minus = name.starts_with('-');
      if (minus) name.remove_prefix(1);
      const auto& state = hashes_["state"];
      const auto found = state.find(std::string(name));
      if (found == state.end()) continue;
      std::int64_t value = 0;
      const char* end = found->second.data() + found->second.size();
      if (std::from_chars(found->second.data(), end, value).ptr != end || found->second.empty()) {
        return std::nullopt;
      }
      // As Redis counts: modulo 2^64 does not matter where two of them are compared.
      const auto unsigned_value = static_cast<std::uint64_t>(value);
      sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) +
                                      (minus ? ~unsigned_value + 1 : unsigned_value));
    }
    return sum;
  }

  using Fields = std::map<std::string, std::string>;

  const Keys& keys_;
  std::vector<std::string> lines_;
  std::map<std::string, Fields> hashes_;
  std::map<std::string, Fields> sets_;
  std::map<char, Fields> streams_;  ///< by digit: entry id -> envelope
  Imbalance imbalance_;
};

}  // namespace ferry::test
