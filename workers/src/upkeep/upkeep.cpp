#include "upkeep/upkeep.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "functions/library.hpp"
#include "redis/backoff.hpp"

namespace ferry::detail {

using Clock = std::chrono::steady_clock;

Upkeep::Upkeep(const RedisOptions& redis, std::vector<std::unique_ptr<Role>> roles,
               std::function<void()> connected, const Log& log)
    : connection_(redis), connected_(std::move(connected)), log_(log) {
  for (auto& role : roles) roles_.push_back({std::move(role), Clock::now()});
}

Upkeep::~Upkeep() { stop(); }

void Upkeep::start() {
  thread_ = std::thread([this] { loop(); });
}

void Upkeep::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
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
  pthread_setname_np(pthread_self(), "ferry-upkeep");
  redis::ReconnectBackoff backoff;
  bool away = false;
  bool all = true;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    Time next;
    try {
      if (!connection_.connected()) {
        connection_.connect();
        // Without the functions delayed jobs would never move, and nobody else may be here to
        // notice.
        ensure_library(connection_);
        connected_();
      }
      next = turn(all);
      backoff.reset();
      if (std::exchange(away, false)) log_.info("upkeep goes on");
    } catch (const Error& e) {
      connection_.close();
      if (!std::exchange(away, true)) {
        log_.warning("upkeep waits for Redis", {{"reason", std::string_view(e.what())}});
      }
      next = Clock::now() + backoff.next();
    }
    lock.lock();
    // While Redis is away a wake-up must not make it be asked sooner.
    changed_.wait_until(lock, next, [&] { return stopping_ || (woken_ && !away); });
    all = std::exchange(woken_, false);
  }
}

Time Upkeep::turn(bool all) {
  Time next = Time::max();
  for (Due& due : roles_) {
    const auto now = Clock::now();
    if (all || due.at <= now) due.at = due.role->turn(connection_, now);
    next = std::min(next, due.at);
  }
  return next;
}

}  // namespace ferry::detail
