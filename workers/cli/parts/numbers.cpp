#include "cli/parts/numbers.hpp"

#include <charconv>
#include <cstdio>

#include "cli/parts/text.hpp"

namespace ferry::cli {
namespace {

template <typename Number>
bool reads_as(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string in_quotes(std::string_view text) { return '"' + clipped(printable(text), 60) + '"'; }

std::string shown(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", number);
  return text;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Returns: where the string that begins at `at` has ended.
std::size_t behind_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
  }
  return at + 1;
}

/// Returns: where the number that begins at `at` has ended, whatever it is made of.
std::size_t behind_number(std::string_view json, std::size_t at) {
  constexpr std::string_view parts = "+-.eE0123456789";
  while (at < json.size() && parts.find(json[at]) != parts.npos) ++at;
  return at;
}

}  // namespace

std::string whole_number_refusal(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  if (reads_as(text, number) && number >= least && number <= most) return "";
  return in_quotes(text) + " is no whole number from " + std::to_string(least) + " to " +
         std::to_string(most);
}

std::string number_refusal(std::string_view text, double least, double most) {
  double number = 0;
  if (reads_as(text, number) && number >= least && number <= most) return "";
  return in_quotes(text) + " is no number from " + shown(least) + " to " + shown(most);
}

std::string_view inexact_integer(std::string_view json) {
  for (std::size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      at = behind_string(json, at);
    } else if (is_digit(json[at]) || json[at] == '-') {
      const std::string_view number = json.substr(at, behind_number(json, at) - at);
      const bool whole = number.find_first_of(".eE") == number.npos;
      std::uint64_t from_zero = 0;
      std::int64_t with_sign = 0;
      if (whole && !reads_as(number, from_zero) && !reads_as(number, with_sign)) return number;
      at += number.size();
    } else {
      ++at;
    }
  }
  return {};
}

}  // namespace ferry::cli
