#include "redis/stream_id.hpp"

#include <array>
#include <charconv>

namespace ferry::redis {
namespace {

void append(std::uint64_t number, std::string& to) {
  std::array<char, 20> digits{};
  to.append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
}

}  // namespace

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

std::optional<StreamId> StreamId::parse(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return {};
  const auto ms = whole_number(text.substr(0, dash));
  const auto sequence = whole_number(text.substr(dash + 1));
  if (!ms || !sequence) return {};
  return StreamId{*ms, *sequence};
}

std::string StreamId::text() const {
  std::string text;
  write(text);
  return text;
}

void StreamId::write(std::string& to) const {
  append(ms, to);
  to += '-';
  append(sequence, to);
}

}  // namespace ferry::redis
