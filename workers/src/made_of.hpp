#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "batching/fetch_plan.hpp"
#include "ferry/handlers.hpp"
#include "ferry/worker.hpp"
#include "functions/keys.hpp"
#include "trace/tracer.hpp"

namespace ferry::detail {

// What the parts of a worker are made from, by its options and handlers.

/// Returns: the options with the defaults that depend on the machine.
/// Errors: `invalid_argument`.
WorkerOptions completed(WorkerOptions options);

std::vector<Keys> keys_of(const WorkerOptions& options);
std::vector<std::string> names_of(const WorkerOptions& options);
FetchPlan plan_of(const WorkerOptions& options);
std::size_t largest_batch(const Handlers& handlers);
std::set<std::string, std::less<>> kinds_of(const Handlers& handlers);
/// Returns: null where no trace is asked for.
std::unique_ptr<Tracer> tracer_of(const WorkerOptions& options, const Handlers& handlers);

}  // namespace ferry::detail
