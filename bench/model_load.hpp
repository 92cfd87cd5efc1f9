#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/handlers.hpp"
#include "load/lag.hpp"
#include "load/schedule.hpp"
#include "plan_runs.hpp"
#include "tick.hpp"

namespace ferry::bench {

/// One call of the model's handler: the jobs it had, when it ended, and how long it took.
struct ModelCall {
  std::vector<Tick> ticks;
  std::int64_t end_ns = 0;
  double ms = 0;
};

/// Handlers that sleep for the model's time. `record` is called from one thread at a time, after
/// each call.
inline Handlers model_handlers(const Policy& policy, std::function<void(const ModelCall&)> record) {
  struct Shared {
    std::mutex mutex;
    std::mt19937_64 random{1};
    std::normal_distribution<double> normal;
    std::function<void(const ModelCall&)> record;

    double factor() {
      const std::lock_guard lock(mutex);
      return std::exp(ModelHandler::sigma * normal(random));
    }
  };
  auto shared = std::make_shared<Shared>();
  shared->record = std::move(record);
  Handlers handlers;
  handlers.on_batch<Tick>(policy, [shared](Batch<Tick>& batch) {
    const auto begin = Clock::now();
    const double ms =
        (ModelHandler::fixed_ms + ModelHandler::per_job_ms * static_cast<double>(batch.size())) *
        shared->factor();
    std::this_thread::sleep_until(begin + std::chrono::microseconds(std::lround(1e3 * ms)));
    const auto end = Clock::now();
    ModelCall call{{},
                   std::chrono::nanoseconds(end.time_since_epoch()).count(),
                   std::chrono::duration<double, std::milli>(end - begin).count()};
    call.ticks.reserve(batch.size());
    for (const auto& item : batch) call.ticks.push_back(item.job());
    const std::lock_guard lock(shared->mutex);
    shared->record(call);
  });
  return handlers;
}

inline load::Stretch stretch(std::chrono::duration<double> time, double rate) {
  return {time.count(), rate, rate};
}

/// Sends a tick at each time of the schedule, counted from `start`; it carries that time.
inline load::Lag send_ticks(Client& client, const load::Schedule& schedule,
                            Clock::time_point start) {
  load::Lag lag;
  for (const auto at : schedule) {
    const auto intended = start + at;
    std::this_thread::sleep_until(intended);
    lag.record(Clock::now() - intended);
    static_cast<void>(
        client.enqueue_async(Tick{std::chrono::nanoseconds(intended.time_since_epoch()).count()}));
  }
  return lag;
}

}  // namespace ferry::bench
