#pragma once

#include <vector>

#include "plan/plan.hpp"

namespace ferry::plan {

/// Answers for one measured handler what a policy and a rate take.
///
/// Threads: one thread at a time.
class Sizer {
 public:
  Sizer(const Measured& measured, const WorkerModel& model, const Rates& rates,
        const Question& question)
      : measured_(measured), model_(model), rates_(rates), question_(question) {}

  const Measured& measured() const { return measured_; }
  const Question& question() const { return question_; }

  /// Returns: real-time, and when it is known what batches save, also those who wait together and
  /// the budget itself.
  std::vector<Policy> candidates() const;

  /// `budget_ms`: 0 = the question's.
  Option option(const Policy& policy, double per_second, double budget_ms = 0) const;

  Sizing size(const Option& option, double per_second) const;

  /// As `size`, without partitions and servers. Jobs are dealt out evenly and each worker queues
  /// for itself: as workers share what waits in Redis, real ones do a little better.
  Sizing workers_for(const Option& option, double per_second) const;

  Bill bill(const Sizing& sizing, double outage_seconds) const;

 private:
  void take_fleet(Sizing& sizing, const Policy& policy) const;

  const Measured& measured_;
  const WorkerModel& model_;
  const Rates& rates_;
  const Question& question_;
};

/// Returns: how many workers that do at most so many jobs a second; at least one.
std::size_t workers_needed(double per_second, double most_per_second);

/// Returns: Redis servers for so many used cores, each of which has one; at least one.
std::size_t servers_needed(double used_cores);

/// Returns: seconds from the end of an outage until what came in it is done; infinite when no more
/// is done than comes.
double drain_seconds(double per_second, double outage_seconds, double most_done_per_second);

}  // namespace ferry::plan
