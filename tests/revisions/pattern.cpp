#include "revisions/pattern.hpp"

#include <algorithm>

#include "support/redis_test.hpp"

namespace ferry::revisions {
namespace {

using nlohmann::json;
using redis::Reply;
using Type = Reply::Type;

std::string differs(const json& pattern, const Reply& reply) {
  return "expected " + pattern.dump() + ", got " + test::show(reply);
}

bool is_text(const Reply& reply) { return reply.type == Type::text || reply.type == Type::status; }

bool is_like(const std::string& pattern, const Reply& reply, Reading reading, Names& names) {
  if (pattern == "no error") return true;
  if (pattern == "int") return reply.type == Type::integer;
  const bool others = reading == Reading::shape;
  if (pattern == "text") return is_text(reply) || (others && reply.is_nil());
  const auto expected = names.bytes_of(std::string_view(pattern).substr(1));
  if (!is_text(reply)) return false;
  // Where others are at work, a worker that was stopped for a while may have lost its lease.
  if (others && pattern == "=OK" && (reply.text == "STALE" || reply.text == "GONE")) return true;
  const bool names_something = pattern.find('<') != std::string::npos;
  if (others && (names_something || !expected)) return true;
  return expected == std::string(reply.text);
}

std::string entries_differ(const json& pattern, const Reply& reply, Reading reading, Names& names) {
  if (reply.type != Type::array) return differs(pattern, reply);
  if (reading == Reading::exact && reply.size != pattern.at("entries").get<std::size_t>()) {
    return differs(pattern, reply);
  }
  for (const Reply& entry : reply) {
    if (!is_text(entry[0]) || entry[1].type != Type::array || !is_text(entry[1][1])) {
      return differs(pattern, reply);
    }
    names.see_entry(entry[0].text, entry[1][1].text);
  }
  return "";
}

std::string object_differs(const json& pattern, const Reply& reply, Reading reading, Names& names) {
  if (pattern.contains("entries")) return entries_differ(pattern, reply, reading, names);
  bool like = false;
  if (pattern.contains("at least")) {
    like =
        reply.type == Type::integer && reply.integer >= pattern.at("at least").get<std::int64_t>();
  }
  if (pattern.contains("error")) {
    like = reply.is_error() && reply.text.starts_with(pattern.at("error").get<std::string>());
  }
  return like ? "" : differs(pattern, reply);
}

std::string list_differs(const json& pattern, const Reply& reply, Reading reading, Names& names) {
  const bool more = !pattern.empty() && pattern.back() == "...";
  std::size_t size = pattern.size() - (more ? 1 : 0);
  if (reading == Reading::shape) {
    // Others may have taken what would be in it, or put in what was not.
    if (reply.is_nil() || size == 0) return "";
    if (reply.type != Type::array) return differs(pattern, reply);
    if (reply.size == 0) return pattern[0].is_array() ? "" : differs(pattern, reply);
    size = std::min(size, reply.size);
  } else if (reply.type != Type::array || (more ? reply.size < size : reply.size != size)) {
    return differs(pattern, reply);
  }
  for (std::size_t i = 0; i < size; ++i) {
    const std::string found = difference(pattern[i], reply[i], reading, names);
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace

std::string difference(const json& pattern, const Reply& reply, Reading reading, Names& names) {
  if (pattern == "any") return "";
  if (pattern.is_object()) return object_differs(pattern, reply, reading, names);
  if (reply.is_error()) return differs(pattern, reply);
  if (pattern.is_array()) return list_differs(pattern, reply, reading, names);
  bool like = false;
  if (pattern.is_null()) like = reply.is_nil() || (reading == Reading::shape && is_text(reply));
  if (pattern.is_number()) {
    like = reply.type == Type::integer &&
           (reading == Reading::shape || reply.integer == pattern.get<std::int64_t>());
  }
  if (pattern.is_string()) like = is_like(pattern.get<std::string>(), reply, reading, names);
  return like ? "" : differs(pattern, reply);
}

}  // namespace ferry::revisions
