#pragma once

#include <cstddef>

#include "ferry/handlers.hpp"
#include "ferry/worker.hpp"
#include "log/log.hpp"

namespace ferry::detail {

/// Returns: of so many jobs or bytes that a worker may hold, those that may wait for company. The
/// rest is for what runs.
constexpr std::size_t for_company(std::size_t most) { return most / 4 * 3; }

/// Returns: the handlers, which fit the options of their worker.
/// Errors: `invalid_argument` where there are none, or where a batch that waits for company could
/// never fill.
Handlers fitting(Handlers handlers, const WorkerOptions& options);

/// Logs each kind that asks for more handlers side by side than its worker has.
void tell_cut_concurrency(const Handlers& handlers, const WorkerOptions& options, const Log& log);

}  // namespace ferry::detail
