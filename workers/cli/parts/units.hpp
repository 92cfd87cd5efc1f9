#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ferry::cli {

/// Reads `500ms`, `5s`, `2m`, `1.5h`, `3d`, `1h30m`, or `0`. A number without a unit is refused: a
/// wrong guess of the unit would be wrong by a thousand.
///
/// Returns: nothing when the text is no such duration, is negative, above 100 years, or above 0
/// and below half a millisecond.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// What to write in a message when `parse_duration` returned nothing.
inline constexpr std::string_view duration_expected =
    "expected a duration such as 500ms, 5s, 2m, 1h or 3d";

/// Reads `4096`, `512B`, `64KiB`, `1.5MiB`, `2GiB` (`K`, `M`, `G` mean the same) and `10kB`,
/// `10MB`, `1GB` (powers of ten); letters in any case.
///
/// Returns: nothing when the text is no such size, is negative, above 1 EiB, or above 0 and below
/// half a byte.
std::optional<std::int64_t> parse_bytes(std::string_view text);

/// Returns: `250 ms`, `4.2 s`, `3m 12s`, `5h 04m`, `3d 04h`.
std::string format_duration(std::chrono::milliseconds duration);

/// Returns: `512 B`, `1.5 KiB`, `12.0 MiB`.
std::string format_bytes(std::int64_t bytes);

/// Returns: `1,234,567`.
std::string format_count(std::int64_t count);

/// Returns: `0`, `0.4`, `12.3`, `4,567`, `310 k`, `1.25 M`.
std::string format_rate(double per_second);

}  // namespace ferry::cli
