#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ferry::cli {

/// Returns: the columns a terminal needs for UTF-8 text: wide characters take two, combining ones
/// none, a byte that is no UTF-8 one.
std::size_t display_width(std::string_view text);

/// Makes text from elsewhere safe to show on one line: control characters, which could move the
/// cursor or colour the terminal, and bytes that are no UTF-8 become `\n`, `\x1b` and the like.
std::string printable(std::string_view text);

/// Makes text of several lines safe: like `printable`, but newlines stay, and the escape codes of
/// `styled` where `styles` says that there may be some.
std::string printable_lines(std::string_view text, bool styles);

/// Returns: the text, cut to `width` columns with `…` as the last one when it is longer.
std::string clipped(std::string_view text, std::size_t width);

/// Hides what stands between `://` and `@`, for text that may quote a URL as it was typed.
std::string without_passwords(std::string_view text);

/// Returns: 16 bytes a line with offset, hex and ASCII, of the first `limit` bytes.
std::string hex_dump(std::string_view bytes, std::size_t limit);

/// Returns: two digits for each byte.
std::string hex(std::string_view bytes);

/// Returns: the bytes that `hex` was given; nothing for other text.
std::optional<std::string> bytes_of_hex(std::string_view text);

}  // namespace ferry::cli
