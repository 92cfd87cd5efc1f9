#pragma once

#include <string>
#include <vector>

#include "compare/run_report.hpp"

namespace ferry::compare {

/// Returns: the rows as a table for people, at most 120 columns wide for usual figures, and a line
/// that explains it.
std::string table_of(const std::vector<PolicyRow>& rows);

/// Returns: columns, the first to the left and the others to the right.
std::string aligned(const std::vector<std::vector<std::string>>& lines);

/// Units: microseconds in, text with three digits and a unit out, as in `1.25 ms`.
std::string duration_text(double microseconds);

/// Returns: a rate or count with thousands separated, as in `12,345`.
std::string count_text(double count);

}  // namespace ferry::compare
