#include "enter.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "functions/keys.hpp"
#include "functions/library.hpp"
#include "functions/refusal.hpp"
#include "redis/errors.hpp"

namespace ferry::detail {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

void check_eviction(redis::Connection& connection, const WorkerOptions& options, const Log& log) {
  const auto info = connection.call({"INFO", "memory"});
  const std::string_view text = info->root().text;
  constexpr std::string_view field = "maxmemory_policy:";
  const auto at = text.find(field);
  if (at == std::string_view::npos) return;
  const auto policy = text.substr(at + field.size(), text.find('\r', at) - at - field.size());
  if (policy == "noeviction") return;
  if (options.accept_eviction) {
    log.warning("Redis may evict keys, and jobs with them", {{"maxmemory_policy", policy}});
    return;
  }
  throw Error(ErrorCode::unsupported,
              "Redis may evict keys, and jobs with them (maxmemory-policy " + std::string(policy) +
                  "): set it to noeviction, or set accept_eviction to accept the loss");
}

/// A full Redis takes no new name, but its jobs must be drained all the same; whoever enqueued them
/// has named the queue.
void announce(redis::Connection& connection, const WorkerOptions& options, const Log& log) {
  const std::string key = queues_key(options.redis.prefix);
  std::vector<std::string_view> words{"SADD", key};
  for (const QueueShare& queue : options.queues) words.push_back(queue.name);
  const auto added = connection.command(words);
  if (!added->root().is_error()) return;
  const Error error = redis::error_of(added->root().text);
  if (error.code() == ErrorCode::out_of_memory) return;
  // It is a list for people to look at, and no job needs it.
  log.warning("the queues could not be named in the list of queues",
              {{"reason", std::string_view(error.what())}});
}

/// A user who may not work on one of the queues is a mistake to be mended before anything runs.
/// What else is wrong with a queue may come and go: one that can be worked on is enough.
void require_registration(const Leases& leases, const QueueHealth& health) {
  bool any = false;
  std::string refusal;
  for (std::uint32_t queue = 0; queue < leases.queues().size(); ++queue) {
    any = any || leases.is_registered(queue);
    const std::string error = health.error(queue, QueueHealth::Activity::registration);
    if (error.empty()) continue;
    const Error refused = refusal_of("ferry_v1_register", error);
    if (refused.code() == ErrorCode::denied) throw refused;
    refusal = error;
  }
  if (!any && !refusal.empty()) throw refusal_of("ferry_v1_register", refusal);
}

/// Heartbeats have to fit into a lease several times, or this worker loses its jobs to others again
/// and again.
///
/// Returns: what the last one was told.
std::vector<Control> require_lease(redis::Connection& connection, milliseconds lease,
                                   Leases& leases, QueueHealth& health) {
  auto fastest = Clock::duration::max();
  std::vector<Control> controls;
  const std::vector<bool> every_queue(leases.queues().size(), true);
  for (int look = 0; look < 3; ++look) {
    const auto begun = Clock::now();
    controls = leases.beat(connection, lease, false, health, every_queue);
    fastest = std::min(fastest, Clock::now() - begun);
  }
  if (fastest <= lease / 3) return controls;
  const auto ms = std::chrono::duration_cast<milliseconds>(fastest).count();
  throw Error(ErrorCode::invalid_argument,
              "lease is " + std::to_string(lease.count()) +
                  " ms: a heartbeat for all queues takes " + std::to_string(ms) +
                  " ms here, and three have to fit into a lease; raise it, or serve fewer queues");
}

}  // namespace

std::vector<Control> enter(redis::Connection& connection, const WorkerOptions& options,
                           Leases& leases, QueueHealth& health, const Log& log) {
  check_eviction(connection, options, log);
  ensure_library(connection);
  announce(connection, options, log);
  leases.register_missing(connection, health);
  require_registration(leases, health);
  return require_lease(connection, options.lease, leases, health);
}

}  // namespace ferry::detail
