#include "ferry/durability.hpp"

#include <charconv>

#include "ferry/error.hpp"
#include "ranges.hpp"

namespace ferry {
namespace {

constexpr int most_replicas = 100;
constexpr std::string_view name = "replicated";

/// Returns: what stands between the brackets of `replicated(2)` or behind the colon of
/// `replicated:2`; empty when it is neither.
std::string_view number_in(std::string_view text) {
  if (!text.starts_with(name)) return {};
  text.remove_prefix(name.size());
  if (text.starts_with(':')) return text.substr(1);
  if (text.starts_with('(') && text.ends_with(')')) return text.substr(1, text.size() - 2);
  return {};
}

}  // namespace

std::string Durability::to_string() const {
  switch (level) {
    case Level::fast:
      break;
    case Level::replicated:
      return std::string(name) + "(" + std::to_string(replicas) + ")";
    case Level::synced:
      return "synced";
  }
  return "fast";
}

Durability Durability::parse(std::string_view text) {
  if (text == "fast") return fast();
  if (text == "synced") return synced();
  const std::string_view number = number_in(text);
  int replicas = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), replicas);
  if (number.empty() || error != std::errc{} || end != number.data() + number.size()) {
    throw Error(ErrorCode::invalid_argument,
                "durability is \"" + std::string(text) +
                    "\": expected fast, replicated:N (N replicas) or synced");
  }
  const Durability durability = replicated(replicas);
  durability.validate();
  return durability;
}

void Durability::validate() const {
  require_enumerator("durability.level", level, Level::synced, "a Durability::Level enumerator");
  if (level == Level::replicated)
    return require_between("durability.replicas", replicas, 1, most_replicas);
  require_between("durability.replicas", replicas, 0, 0, "0, for only replicated counts them");
}

}  // namespace ferry
