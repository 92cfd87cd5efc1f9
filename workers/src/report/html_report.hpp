#pragma once

#include <string>

#include "compare/open_comparison.hpp"

namespace ferry::report {

/// Returns: one HTML page that needs nothing else, neither network nor scripts: the verdict in
/// words, charts and a table under each, environment and raw data. Scripts only draw the charts.
std::string html_of(const compare::OpenComparison& comparison);

}  // namespace ferry::report
