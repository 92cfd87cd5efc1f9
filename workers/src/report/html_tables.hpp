#pragma once

#include <string>

#include "compare/open_comparison.hpp"

/// The tables of a report: what its charts show, for who has no scripts or wants figures.
namespace ferry::report {

std::string latency_table(const compare::OpenComparison& comparison);
std::string tradeoff_table(const compare::OpenComparison& comparison);
std::string stages_table(const compare::OpenComparison& comparison);
std::string price_table(const compare::OpenComparison& comparison);
std::string work_table(const compare::OpenComparison& comparison);
std::string environment_table(const compare::OpenComparison& comparison);

}  // namespace ferry::report
