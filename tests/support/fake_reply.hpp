#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "redis/reply_reader.hpp"

namespace ferry::test {

/// What Redis would send for a reply written as JSON: lists, whole numbers, texts and null;
/// `{"error": "ERR no"}` and `{"status": "OK"}`.
inline std::string bytes_of_reply(const nlohmann::json& value) {
  if (value.is_null()) return "$-1\r\n";
  if (value.is_number()) return ":" + std::to_string(value.get<std::int64_t>()) + "\r\n";
  if (value.is_object()) {
    const bool error = value.contains("error");
    return (error ? "-" : "+") + value.at(error ? "error" : "status").get<std::string>() + "\r\n";
  }
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }
  std::string bytes = "*" + std::to_string(value.size()) + "\r\n";
  for (const auto& element : value) bytes += bytes_of_reply(element);
  return bytes;
}

/// A reply as if Redis had sent it, read by the reader of all replies.
inline redis::ReplyPtr fake_reply(std::string_view text) {
  const std::string bytes = bytes_of_reply(nlohmann::json::parse(text));
  redis::ReplyReader reader;
  reader.feed(bytes.data(), bytes.size());
  return reader.next();
}

}  // namespace ferry::test
