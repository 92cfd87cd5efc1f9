#include "report/html_report.hpp"
namespace ferry::report {
std::string html_of(const compare::OpenComparison& comparison) { return comparison.name; }
}  // namespace ferry::report
