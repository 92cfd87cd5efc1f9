#pragma once

#include "batcher_fixture.hpp"

namespace ferry::detail {

using Duration = std::chrono::nanoseconds;

/// Handlers take 4 ms and 0.2 ms a job, without noise.
class BudgetFixture : public BatcherFixture {
 protected:
  static Duration time_of(std::size_t jobs) { return 4ms + jobs * 200us; }

  void make_budget(Policy policy, std::size_t runners = 4) {
    make({{policy, runners, false}}, runners);
  }

  JobRef come(Time at, Duration age = 0ms, Duration own = 0ms, std::string_view key = "",
              Time expires = Time::max()) {
    const JobRef job{come_++, 0};
    batcher().arrive({0, key, job, 100, 1, Suspect::no, at, 1, age, own, expires});
    return job;
  }

  /// As if so many batches had run and nobody was late: the dial is at its highest afterwards.
  void teach(std::size_t batches = 300) {
    for (std::size_t i = 0; i < batches; ++i) {
      const std::size_t jobs = 1 + i % 40;
      report(jobs, time_of(jobs));
    }
  }

  void report(std::size_t jobs, Duration took, std::size_t late = 0) {
    taught_ += 1us;
    BudgetReport report;
    report.jobs = jobs;
    report.took = took;
    report.started = report.ended = taught_;
    report.usual = {jobs, late};
    report.own = {jobs, late};
    batcher().ran(0, report);
  }

  std::uint64_t come_ = 0;
  Time taught_ = start - 1min;
};

}  // namespace ferry::detail
