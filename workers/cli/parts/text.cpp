#include "cli/parts/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>

namespace ferry::cli {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

/// Source: RFC 3629, section 4: over-long forms, surrogates and what lies above U+10FFFF are
/// invalid.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {lead, 1, false};
  char32_t code = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {lead, 1, false};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < smallest[size] || surrogate || code > 0x10ffff) return {lead, 1, false};
  return {code, size, true};
}

struct Range {
  char32_t first;
  char32_t last;
};

/// The blocks that matter in names and messages, not all of Unicode.
///
/// Source: Unicode 15, EastAsianWidth.txt (W and F) and the combining blocks of Blocks.txt.
constexpr std::array wide{
    Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},   Range{0x3041, 0xa4cf},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe6f},
    Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f},
    Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1f9ff}, Range{0x20000, 0x3fffd}};
constexpr std::array combining{Range{0x300, 0x36f}, Range{0x200b, 0x200f}, Range{0x20d0, 0x20ff},
                               Range{0xfe00, 0xfe0f}, Range{0xfe20, 0xfe2f}};

template <std::size_t N>
bool lies_in(const std::array<Range, N>& ranges, char32_t code) {
  return std::any_of(ranges.begin(), ranges.end(), [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

std::size_t columns(const Character& character) {
  if (!character.valid) return 1;
  if (lies_in(combining, character.code)) return 0;
  return lies_in(wide, character.code) ? 2 : 1;
}

bool is_control(char32_t code) {
  // C0, DEL and C1; the marks that turn the writing direction can hide text as well.
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

/// How messages explain a URL; there is no password in it.
constexpr std::string_view url_pattern = "[user[:password]@]host";

constexpr std::string_view digits = "0123456789abcdef";

void append_hex(std::string& out, char byte) {
  out += digits[static_cast<std::uint8_t>(byte) >> 4];
  out += digits[static_cast<std::uint8_t>(byte) & 15];
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    width += columns(character);
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::string printable(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::string_view raw = text.substr(0, character.bytes);
    text.remove_prefix(character.bytes);
    if (raw == "\n") {
      safe += "\\n";
    } else if (raw == "\t") {
      safe += "\\t";
    } else if (!character.valid || is_control(character.code)) {
      for (const char byte : raw) {
        safe += "\\x";
        append_hex(safe, byte);
      }
    } else {
      safe += raw;
    }
  }
  return safe;
}

std::string printable_lines(std::string_view text, bool styles) {
  // What `styled` writes: text from elsewhere that holds one of these can do no more than it.
  constexpr std::array<std::string_view, 6> codes{"\x1b[0m",  "\x1b[1m",  "\x1b[2m",
                                                  "\x1b[31m", "\x1b[32m", "\x1b[33m"};
  std::string safe;
  while (!text.empty()) {
    std::size_t kept = text.front() == '\n' ? 1 : 0;
    for (const std::string_view code : codes) {
      if (styles && text.starts_with(code)) kept = code.size();
    }
    if (kept > 0) {
      safe += text.substr(0, kept);
      text.remove_prefix(kept);
      continue;
    }
    const std::size_t end = std::min(text.find_first_of("\n\x1b", 1), text.size());
    safe += printable(text.substr(0, end));
    text.remove_prefix(end);
  }
  return safe;
}

std::string clipped(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const Character character = first_character(text.substr(end));
    if (used + columns(character) + 1 > width) break;
    used += columns(character);
    end += character.bytes;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string without_passwords(std::string_view text) {
  std::string safe;
  for (;;) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) return safe += text;
    const std::size_t begin = scheme + 3;
    const std::size_t end = std::min(text.find_first_of(" \t\n\"", begin), text.size());
    const std::size_t at = text.substr(begin, end - begin).rfind('@');
    safe += text.substr(0, begin);
    if (at == std::string_view::npos || text.substr(begin).starts_with(url_pattern)) {
      text.remove_prefix(begin);
    } else {
      safe += "***";
      text.remove_prefix(begin + at);
    }
  }
}

std::string hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_hex(out, byte);
  return out;
}

std::optional<std::string> bytes_of_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::uint8_t byte = 0;
    const char* end = text.data() + i + 2;
    const auto [at, error] = std::from_chars(text.data() + i, end, byte, 16);
    if (error != std::errc{} || at != end) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

std::string hex_dump(std::string_view bytes, std::size_t limit) {
  constexpr std::size_t row_bytes = 16;
  bytes = bytes.substr(0, limit);
  std::string out;
  for (std::size_t row = 0; row < bytes.size(); row += row_bytes) {
    std::array<char, 24> offset{};
    std::snprintf(offset.data(), offset.size(), "%08zx ", row);
    out += offset.data();
    std::string readable;
    for (std::size_t i = 0; i < row_bytes; ++i) {
      out += ' ';
      if (row + i >= bytes.size()) {
        out += "  ";
        continue;
      }
      const char byte = bytes[row + i];
      append_hex(out, byte);
      readable += byte >= 0x20 && byte < 0x7f ? byte : '.';
    }
    out += "  |" + readable + "|\n";
  }
  return out;
}

}  // namespace ferry::cli
