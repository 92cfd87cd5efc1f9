#include "fitting.hpp"

#include <string>

#include "ferry/error.hpp"
#include "ranges.hpp"

namespace ferry::detail {
namespace {

/// Only `fixed` waits for a full batch; the others let go what there is.
void require_room(const RawHandler& handler, const WorkerOptions& options) {
  const Policy& policy = handler.policy;
  const bool waits = policy.kind == PolicyKind::fixed && policy.linger.count() > 0;
  if (!waits) return;
  const std::size_t jobs = for_company(options.max_jobs_in_flight);
  require(policy.max_jobs <= jobs, "max_jobs of kind \"" + handler.kind + "\"",
          std::to_string(policy.max_jobs),
          "at most " + std::to_string(jobs) + ", or it never fills: max_jobs_in_flight is " +
              std::to_string(options.max_jobs_in_flight) +
              ", and three quarters of it may wait for company; raise it, or lower max_jobs");
  // Who leaves the default has no wish about bytes; such a batch leaves when there is no more room.
  const std::size_t bytes = for_company(options.max_bytes_in_flight);
  const bool wished = policy.max_bytes != Policy{}.max_bytes;
  require(!wished || policy.max_bytes <= bytes, "max_bytes of kind \"" + handler.kind + "\"",
          std::to_string(policy.max_bytes),
          "at most " + std::to_string(bytes) + ", or it never fills: max_bytes_in_flight is " +
              std::to_string(options.max_bytes_in_flight) +
              ", and three quarters of it may wait for company; raise it, or lower max_bytes");
}

}  // namespace

Handlers fitting(Handlers handlers, const WorkerOptions& options) {
  if (handlers.all().empty()) {
    throw Error(ErrorCode::invalid_argument,
                "the worker has no handlers: add at least one with Handlers::on or on_batch");
  }
  for (const auto& handler : handlers.all()) require_room(handler, options);
  return handlers;
}

void tell_cut_concurrency(const Handlers& handlers, const WorkerOptions& options, const Log& log) {
  for (const RawHandler& handler : handlers.all()) {
    const std::size_t asked = handler.options.concurrency;
    if (asked <= options.concurrency) continue;
    log.warning("a kind asks for more handlers than the worker has: it gets those of the worker",
                {{"kind", std::string_view(handler.kind)},
                 {"asked", static_cast<std::int64_t>(asked)},
                 {"concurrency", static_cast<std::int64_t>(options.concurrency)}});
  }
}

}  // namespace ferry::detail
