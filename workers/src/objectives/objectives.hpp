#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "ferry/objective.hpp"
#include "log/log.hpp"
#include "objectives/burn_rate.hpp"
#include "stages/leased_envelope.hpp"

namespace ferry::detail {

/// Counts the jobs that were late against the worker's objectives.
///
/// Threads: any.
class Objectives {
 public:
  using Time = BurnRate::Time;

  Objectives(const std::vector<LatencyObjective>& objectives,
             const std::vector<std::string>& queue_names);

  /// Redis has just acknowledged the outcomes that the envelope's marks name. `wall_us`: since
  /// 1970.
  void told(const LeasedEnvelope& envelope, Time now, std::uint64_t wall_us);

  /// Returns: those that began or ceased to burn since the last look.
  std::vector<ObjectiveStats> look(Time now);

  std::vector<ObjectiveStats> stats(Time now) const;

 private:
  struct Watched {
    ObjectiveStats stats;
    std::uint32_t queue = 0;
    BurnRate burn;
  };
  static ObjectiveStats stats_of(const Watched& watched, Time now);

  mutable std::mutex mutex_;
  std::vector<Watched> watched_;
};

/// Says which began or ceased to burn.
void log_changes(const Log& log, const std::vector<ObjectiveStats>& changes);

}  // namespace ferry::detail
