#pragma once

#include <optional>
#include <string_view>

namespace ferry::cli {

/// Reads `30%/year`, `30%`, `2%/month` (compounded).
///
/// Returns: the part by which something grows in a year, 0.3 for the first; nothing when the text
/// is no growth.
std::optional<double> parse_growth(std::string_view text);

/// Reads `2y`, `18mo`, `90d`, `0`.
///
/// Returns: years; nothing when the text is no such time.
std::optional<double> parse_years(std::string_view text);

}  // namespace ferry::cli
