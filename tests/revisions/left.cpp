#include "revisions/left.hpp"

#include <charconv>
#include <string>
#include <vector>

#include "functions/keys.hpp"
#include "revisions/names.hpp"

namespace ferry::revisions {
namespace {

using nlohmann::json;

std::string bytes_of(const json& word) {
  Names names;
  return names.bytes_of(word.get<std::string>()).value();
}

std::int64_t now_ms(redis::Connection& connection) {
  const auto time = connection.call({"TIME"});
  return std::stoll(std::string(time->root()[0].text)) * 1000;
}

void call(redis::Connection& connection, const std::vector<std::string>& words) {
  connection.call(std::vector<std::string_view>(words.begin(), words.end()));
}

void put_hash(const std::string& key, const json& fields, redis::Connection& connection) {
  for (const auto& [field, value] : fields.items()) {
    call(connection, {"HSET", key, field, bytes_of(value)});
  }
}

/// A score is a number, or `in 5000 ms`.
void put_sorted(const std::string& key, const json& members, redis::Connection& connection) {
  for (const auto& [member, score] : members.items()) {
    std::int64_t at = 0;
    if (score.is_number()) {
      at = score.get<std::int64_t>();
    } else {
      const auto& text = score.get_ref<const std::string&>();
      std::from_chars(text.data() + 3, text.data() + text.size(), at);
      at += now_ms(connection);
    }
    call(connection, {"ZADD", key, std::to_string(at), member});
  }
}

void put_stream(const std::string& key, const json& stream, redis::Connection& connection) {
  const std::string group(group_name);
  call(connection, {"XGROUP", "CREATE", key, group, "0", "MKSTREAM"});
  for (const json& entry : stream.at("stream")) {
    std::vector<std::string> words{"XADD", key, entry[0]};
    for (const auto& [field, value] : entry[1].items()) {
      words.insert(words.end(), {field, bytes_of(value)});
    }
    call(connection, words);
  }
  call(connection, {"XSETID", key, stream.at("last")});
  for (const json& name : stream.at("consumers")) {
    call(connection, {"XGROUP", "CREATECONSUMER", key, group, name});
  }
  for (const json& held : stream.at("pending")) {
    call(connection, {"XCLAIM", key, group, held[1], "0", held[0], "RETRYCOUNT",
                      std::to_string(held[2].get<int>()), "FORCE", "JUSTID"});
  }
  if (stream.at("delivered").is_string()) {
    call(connection, {"XGROUP", "SETID", key, group, stream.at("delivered")});
  }
}

}  // namespace

void put_back(const json& keys, redis::Connection& connection) {
  for (const auto& [key, value] : keys.items()) {
    if (value.contains("hash")) put_hash(key, value.at("hash"), connection);
    if (value.contains("sorted set")) put_sorted(key, value.at("sorted set"), connection);
    if (value.contains("stream")) put_stream(key, value, connection);
    if (!value.contains("set")) continue;
    for (const json& member : value.at("set")) call(connection, {"SADD", key, member});
  }
}

}  // namespace ferry::revisions
