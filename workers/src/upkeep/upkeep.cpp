#include "upkeep/upkeep.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "functions/library.hpp"
#include "redis/backoff.hpp"
#include "upkeep/roles.hpp"

namespace ferry::detail {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How late a job that was delayed by another process may be.
constexpr milliseconds longest_nap{100};
/// What is due and cannot be moved (bytes of another program's) must not keep this thread running.
constexpr milliseconds shortest_nap{1};
constexpr milliseconds reclaim_period{500};
constexpr std::chrono::minutes expire_period{10};

}  // namespace

Upkeep::Upkeep(const RedisOptions& redis, milliseconds lease, Leases& leases, InFlight& in_flight,
               Adopter& adopter, Metrics& metrics, const Log& log)
    : connection_(redis),
      lease_(lease),
      leases_(leases),
      in_flight_(in_flight),
      adopter_(adopter),
      metrics_(metrics),
      log_(log),
      next_expire_(Clock::now() + expire_period) {}

Upkeep::~Upkeep() { stop(); }

void Upkeep::start() {
  thread_ = std::thread([this] { loop(); });
}

void Upkeep::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Upkeep::loop() {
  redis::ReconnectBackoff backoff;
  bool away = false;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    Time wake;
    try {
      if (!connection_.connected()) {
        connection_.connect();
        // Without the functions delayed jobs would never move, and nobody else may be here to
        // notice.
        ensure_library(connection_);
        // A reclaim's reply may have been lost with the old connection.
        adopter_.want_recovery();
      }
      wake = turn();
      backoff.reset();
      if (std::exchange(away, false)) log_.info("upkeep goes on");
    } catch (const Error& e) {
      connection_.close();
      if (!std::exchange(away, true)) {
        log_.warning("upkeep waits for Redis", {{"reason", std::string_view(e.what())}});
      }
      wake = Clock::now() + backoff.next();
    }
    lock.lock();
    changed_.wait_until(lock, wake, [&] { return stopping_; });
  }
}

Upkeep::Time Upkeep::turn() {
  auto now = Clock::now();
  if (now >= next_promote_) {
    const Promoted promoted = promote(connection_, leases_);
    metrics_.update([&](WorkerStats& stats) { stats.promoted_jobs += promoted.jobs; });
    now = Clock::now();
    next_promote_ = now + longest_nap;
    if (promoted.next_due.count() >= 0) {
      next_promote_ = now + std::clamp(promoted.next_due, shortest_nap, longest_nap);
    }
  }
  if (now >= next_reclaim_) {
    // At least one, however full this worker is: when every worker is full, somebody still has to
    // take over, and the look itself keeps the watch over silent workers going.
    const auto room = std::max<std::int64_t>(1, in_flight_.books().jobs_free);
    const std::size_t taken =
        reclaim(connection_, leases_, adopter_, lease_, static_cast<std::size_t>(room));
    if (taken > 0) {
      metrics_.update([&](WorkerStats& stats) { stats.reclaimed_envelopes += taken; });
      log_.warning("took over envelopes of workers that fell silent; their jobs run alone",
                   {{"envelopes", static_cast<std::int64_t>(taken)}});
    }
    const auto held = in_flight_.all();
    std::uint64_t oldest = leases_.current_epoch();
    for (const EnvelopePtr& envelope : held) oldest = std::min(oldest, envelope->epoch);
    leases_.retire_before(oldest, connection_);
    now = Clock::now();
    next_reclaim_ = now + std::min(reclaim_period, lease_ / 2);
  }
  if (now >= next_expire_) {
    expire_producers(connection_, leases_);
    next_expire_ = now + expire_period;
  }
  return std::min({next_promote_, next_reclaim_, next_expire_});
}

}  // namespace ferry::detail
