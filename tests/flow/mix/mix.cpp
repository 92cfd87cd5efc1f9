#include "flow/mix/mix.hpp"

#include <algorithm>
#include <numeric>

namespace ferry::flow {
namespace {

double seconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1e6; }

double rate_of(const MixKind& kind, const Mix& mix) {
  return static_cast<double>(kind.jobs) * 1e3 / static_cast<double>(mix.length.count());
}

}  // namespace

std::size_t Mix::jobs() const {
  return std::accumulate(kinds.begin(), kinds.end(), std::size_t{0},
                         [](std::size_t sum, const MixKind& kind) { return sum + kind.jobs; });
}

std::size_t Mix::handlers() const {
  return std::accumulate(
      workers.begin(), workers.end(), std::size_t{0},
      [](std::size_t sum, const MixWorker& worker) { return sum + worker.concurrency; });
}

std::string queue_name(std::size_t queue) { return "q" + std::to_string(queue); }

double expected_batch(const MixKind& kind, std::size_t workers) {
  if (kind.per_job) return 1;
  const auto most = static_cast<double>(kind.policy.max_jobs);
  if (kind.arrivals == Arrivals::bulk) return most;
  const double held_for = kind.policy.kind == PolicyKind::fixed ? seconds(kind.policy.linger)
                          : kind.policy.kind == PolicyKind::latency_budget
                              ? seconds(kind.policy.budget) / 2
                              : 0;
  const double lanes = static_cast<double>(std::max<std::size_t>(1, kind.batch_keys) *
                                           std::max<std::size_t>(1, workers));
  return std::clamp(1 + kind.per_second / lanes * held_for, 1.0, most);
}

double seconds_a_job(const MixKind& kind, std::size_t workers) {
  return seconds(kind.job_takes) + seconds(kind.call_takes) / expected_batch(kind, workers);
}

double load_of(const Mix& mix) {
  double busy = 0;
  for (const MixKind& kind : mix.kinds) {
    busy += rate_of(kind, mix) * seconds_a_job(kind, mix.workers.size());
  }
  return busy / static_cast<double>(mix.handlers());
}

double short_jobs_load(const Mix& mix) {
  double busy = 0;
  for (const MixKind& kind : mix.kinds) {
    const double job = seconds_a_job(kind, mix.workers.size());
    if (job < 1e-3) busy += rate_of(kind, mix) * job;
  }
  return busy;
}

}  // namespace ferry::flow
