#pragma once

#include <string>

#include "cli/parts/table.hpp"
#include "plan/plan.hpp"

namespace ferry::cli {

/// Returns: as in `4.20 ms`, `250 µs`, `12.0 s`; "never" for what has no end.
std::string latency_text(double ms);

/// Returns: one line: what the file told about the handler.
std::string handler_text(const plan::Measured& measured);

/// What was considered, the cheapest first.
Table options_table(const plan::Plan& plan, const plan::Rates& rates);

/// One column for now, one for later.
Table sizing_table(const plan::Plan& plan);

/// The bill, with each line's part of the whole.
Table bill_table(const plan::Plan& plan, const plan::Rates& rates);

/// Returns: as in "worker CPU is 71 % of the price; a budget of 80 ms instead of 50 ms saves 24 %
/// of it, EUR 12.30 a month."
std::string lever_text(const plan::Plan& plan, const plan::Rates& rates);

/// Returns: where the first queue grows without end as the rate rises.
std::string bottleneck_text(const plan::Sizing& sizing);

/// Returns: what a formula says beside the simulation, one line each.
std::string checks_text(const plan::Plan& plan);

}  // namespace ferry::cli
