#pragma once

#include <vector>

#include "control.hpp"
#include "ferry/worker.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "queue_health.hpp"
#include "redis/connection.hpp"

namespace ferry::detail {

/// Lets a worker in: finds the server fit to work with, loads the functions, names the queues and
/// registers on them.
///
/// Returns: what the queues tell this worker, so that it knows of a pause before it fetches.
/// Errors: `denied`, `unsupported` or `invalid_argument` where waiting does not help, with what to
/// do; else what may pass.
std::vector<Control> enter(redis::Connection& connection, const WorkerOptions& options,
                           Leases& leases, QueueHealth& health, const Log& log);

}  // namespace ferry::detail
