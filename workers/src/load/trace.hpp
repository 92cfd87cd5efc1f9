#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "load/schedule.hpp"

namespace ferry::load {

/// Reads the time out of one line of a trace: a number of seconds, as in `0.25`, or a JSON object
/// with a member `at` that is one, as in `{"at": 1716200000.25, "user": 7}`.
///
/// Returns: nothing for anything else, and for times that are negative or beyond the year 2200.
std::optional<double> parse_trace_line(std::string_view line);

/// Replays the times of a file, read line by line; empty lines are passed over. The first time is
/// the start, whatever it is: seconds since 1970 do as well as seconds since the beginning.
///
/// Errors: `invalid_argument` with the line's number, also from a later call, for a line that is no
/// time or lies before the one above it; for a file that cannot be read.
Arrivals replay(const std::filesystem::path& file);

}  // namespace ferry::load
