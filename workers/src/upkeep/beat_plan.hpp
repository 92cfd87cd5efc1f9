#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "batching/time.hpp"

namespace ferry::detail {

/// How often a worker renews its lease in each queue.
///
/// Where there are many queues, most of them are idle; what they cost Redis would grow with queues
/// times workers. A lease under which nothing is held is renewed less often then, yet a job that
/// comes right after a renewal still leaves three tries before the lease ends.
class BeatPlan {
 public:
  /// Four beats in a lease: three may be lost before others take the jobs.
  static constexpr int beats_in_a_lease = 4;
  /// How soon a pause shows, and how soon where nothing is held.
  static constexpr std::chrono::milliseconds longest_period{500};
  static constexpr std::chrono::milliseconds longest_idle_period{1500};

  BeatPlan(std::size_t queues, std::chrono::milliseconds lease);

  /// Between two turns.
  std::chrono::milliseconds period() const { return period_; }
  /// Between two renewals of a lease under which nothing is held.
  std::chrono::milliseconds idle_period() const { return idle_period_; }

  /// `held`: for each queue, whether anything is held of it.
  ///
  /// Returns: for each queue, whether it is to be renewed in this turn.
  std::vector<bool> due(const std::vector<bool>& held, Time now) const;
  void renewed(std::size_t queue, Time at) { renewed_[queue] = at; }

 private:
  std::chrono::milliseconds period_;
  std::chrono::milliseconds idle_period_;
  std::vector<Time> renewed_;  ///< for each queue
};

}  // namespace ferry::detail
