#include "upkeep/heartbeat.hpp"

#include <algorithm>
#include <utility>

namespace ferry::detail {
namespace {

using Clock = std::chrono::steady_clock;

RedisOptions with_short_timeouts(RedisOptions redis, std::chrono::milliseconds period) {
  redis.command_timeout = std::max(period, std::chrono::milliseconds{100});
  redis.connect_timeout = redis.command_timeout;
  return redis;
}

}  // namespace

Heartbeat::Heartbeat(const RedisOptions& redis, std::chrono::milliseconds lease, Leases& leases,
                     QueueHealth& health, const Log& log, std::function<bool()> keeps,
                     std::function<std::vector<bool>()> held,
                     std::function<void(std::vector<Control>)> told)
    : connection_(with_short_timeouts(redis, lease / BeatPlan::beats_in_a_lease)),
      lease_(lease),
      plan_(leases.queues().size(), lease),
      leases_(leases),
      health_(health),
      log_(log),
      keeps_(std::move(keeps)),
      held_(std::move(held)),
      told_(std::move(told)) {}

Heartbeat::~Heartbeat() { stop(); }

void Heartbeat::start() {
  thread_ = std::thread([this] { loop(); });
}

void Heartbeat::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Heartbeat::loop() {
  bool away = false;
  auto renewed = Clock::now();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const std::uint64_t epoch = leases_.current_epoch();
    try {
      beat();
      if (std::exchange(away, false)) log_.info("leases are renewed again");
    } catch (const Error& e) {
      connection_.close();
      if (!std::exchange(away, true)) {
        log_.warning("leases cannot be renewed; trying again",
                     {{"reason", std::string_view(e.what())}});
      }
    }
    const auto now = Clock::now();
    if (leases_.current_epoch() != epoch) tell_of_lost_lease(now - renewed);
    if (!away) renewed = now;
    lock.lock();
    changed_.wait_for(lock, plan_.period(), [&] { return stopping_; });
  }
}

void Heartbeat::beat() {
  const auto begun = Clock::now();
  const std::vector<bool> due = plan_.due(held_(), begun);
  auto controls = leases_.beat(connection_, lease_, keeps_(), health_, due);
  for (std::size_t queue = 0; queue < controls.size(); ++queue) {
    if (controls[queue].answered) plan_.renewed(queue, begun);
  }
  told_(std::move(controls));
  warn_if_slow(Clock::now() - begun, std::ranges::find(due, false) == due.end());
}

/// Three in a lease have to get through, or a busy server costs this worker its jobs. A heartbeat
/// of some queues does not show that one of all has become fast again.
void Heartbeat::warn_if_slow(Clock::duration took, bool all) {
  const bool slow = took > lease_ / 3;
  if (slow && !slow_) {
    log_.warning("a heartbeat takes too long for this lease: raise it, or serve fewer queues",
                 {{"took_ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()},
                  {"lease_ms", static_cast<std::int64_t>(lease_.count())}});
  }
  if (slow || all) slow_ = slow;
}

/// Only silence ends a lease. Who was heard within it, and is unknown all the same, speaks to a
/// Redis that has forgotten.
void Heartbeat::tell_of_lost_lease(Clock::duration silent) const {
  const std::string name = leases_.name(leases_.current_epoch());
  if (silent < lease_) {
    log_.error(
        "Redis does not know this worker any more although it was not silent: this Redis was "
        "emptied "
        "(FLUSHALL), started without its data, or its clock has jumped; jobs may be lost",
        {{"name", std::string_view(name)}});
  } else {
    log_.warning(
        "the lease had ended: this worker was silent for too long and goes on under a new name",
        {{"name", std::string_view(name)}});
  }
}

}  // namespace ferry::detail
