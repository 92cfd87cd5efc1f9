#include "cli/parts/units.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace ferry::cli {
namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array duration_units{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000},
                                    Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
constexpr std::array byte_units{Unit{"", 1},           Unit{"b", 1},        Unit{"k", 0x1p10},
                                Unit{"kib", 0x1p10},   Unit{"m", 0x1p20},   Unit{"mib", 0x1p20},
                                Unit{"g", 0x1p30},     Unit{"gib", 0x1p30}, Unit{"kb", 1'000},
                                Unit{"mb", 1'000'000}, Unit{"gb", 1e9}};
constexpr double longest_ms = 100.0 * 365 * 86'400'000;
constexpr double most_bytes = 0x1p60;

/// Takes a number of digits and at most one point from the front of the text.
std::optional<double> take_number(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[size])) || text[size] == '.')) {
    ++size;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + size, value);
  if (size == 0 || error != std::errc{} || end != text.data() + size) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

std::string take_letters(std::string_view& text) {
  std::string letters;
  while (!text.empty() && std::isalpha(static_cast<unsigned char>(text.front()))) {
    letters += static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
    text.remove_prefix(1);
  }
  return letters;
}

template <std::size_t N>
std::optional<double> factor_of(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

template <typename... Values>
std::string printed(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return milliseconds{0};
  double sum = 0;
  do {
    const auto value = take_number(text);
    if (!value) return std::nullopt;
    const auto factor = factor_of(duration_units, take_letters(text));
    if (!factor) return std::nullopt;
    sum += *value * *factor;
    if (!(sum <= longest_ms)) return std::nullopt;
  } while (!text.empty());
  const milliseconds rounded{std::llround(sum)};
  if (sum > 0 && rounded.count() == 0) return std::nullopt;
  return rounded;
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  const auto value = take_number(text);
  if (!value) return std::nullopt;
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto factor = factor_of(byte_units, take_letters(text));
  if (!factor || !text.empty()) return std::nullopt;
  const double bytes = *value * *factor;
  if (!(bytes <= most_bytes) || (bytes > 0 && bytes < 0.5)) return std::nullopt;
  return std::llround(bytes);
}

std::string format_duration(milliseconds duration) {
  // What lies beyond is told as the longest: neither its sign can be turned nor can it be rounded.
  constexpr milliseconds longest{static_cast<std::int64_t>(longest_ms) * 1000};
  duration = std::clamp(duration, -longest, longest);
  const long long ms = duration.count();
  if (ms < 0) return "-" + format_duration(-duration);
  if (ms < 1000) return printed("%lld ms", ms);
  // 59.95 s and more would be printed as 60.0 s.
  if (ms < 59'950) return printed("%.1f s", static_cast<double>(ms) / 1000);
  const long long seconds = (ms + 500) / 1000;
  if (seconds < 3600) return printed("%lldm %02llds", seconds / 60, seconds % 60);
  const long long minutes = seconds / 60;
  if (minutes < 24 * 60) return printed("%lldh %02lldm", minutes / 60, minutes % 60);
  return printed("%lldd %02lldh", minutes / 1440, minutes / 60 % 24);
}

std::string format_bytes(std::int64_t bytes) {
  bytes = std::max(bytes, -std::numeric_limits<std::int64_t>::max());
  if (bytes < 0) return "-" + format_bytes(-bytes);
  if (bytes < 1024) return printed("%lld B", static_cast<long long>(bytes));
  constexpr std::array names{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 and more would be printed as 1024.0.
  while (value >= 1023.95 && unit + 1 < names.size()) {
    value /= 1024;
    ++unit;
  }
  return printed("%.1f %s", value, names[unit]);
}

std::string format_count(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string format_rate(double per_second) {
  if (!(per_second >= 0.05)) return "0";
  if (per_second < 99.95) return printed("%.1f", per_second);
  if (per_second < 99'999.5) return format_count(std::llround(per_second));
  if (per_second < 999'500) return printed("%.0f k", per_second / 1e3);
  return printed("%.2f M", per_second / 1e6);
}

}  // namespace ferry::cli
