#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>

namespace ferry::detail {

/// How long the runs of a kind take, and each job in them, as far as it was seen lately.
///
/// Threads: one thread at a time.
class KindPace {
 public:
  using Duration = std::chrono::nanoseconds;

  /// A kind that has not run yet is taken for a slow one, so that no worker takes many of its jobs
  /// before that is known.
  static constexpr Duration unknown{10'000'000};
  /// Slower ones are worth being spread over workers job by job.
  static constexpr Duration fast{1'000'000};

  void observe(std::size_t jobs, Duration took) {
    if (jobs == 0) return;
    learn(per_run_, took);
    learn(per_job_, took / static_cast<Duration::rep>(jobs));
    known_ = true;
  }

  bool known() const { return known_; }
  Duration per_run() const { return known_ ? per_run_ : unknown; }
  Duration per_job() const { return known_ ? per_job_ : unknown; }
  bool is_fast() const { return known_ && per_job_ < fast; }

 private:
  /// Slower ones are believed sooner: too little in hand costs less than too much.
  void learn(Duration& value, Duration sample) const {
    if (!known_) {
      value = sample;
    } else {
      value += (sample - value) / (sample > value ? 2 : 8);
    }
  }

  Duration per_run_{0};
  Duration per_job_{0};
  bool known_ = false;
};

/// Of the jobs that come, those that are not set aside, as far as it was seen last.
///
/// Threads: one thread at a time.
class StayingShare {
 public:
  void came(std::size_t jobs, bool stay) {
    const auto more = static_cast<double>(jobs);
    const double left = remembers / (remembers + more);
    all_ = all_ * left + more;
    stayed_ = stayed_ * left + (stay ? more : 0);
  }

  /// Returns: above 0..1.
  double share() const { return all_ <= 0 ? 1 : std::max(least, stayed_ / all_); }

 private:
  static constexpr double remembers = 8;  ///< jobs
  static constexpr double least = 1.0 / 256;

  double all_ = 0;
  double stayed_ = 0;
};

/// What handlers do, of all kinds as they came in the last seconds: a few slow jobs among many fast
/// ones count little.
///
/// Threads: one thread at a time.
class MeanPace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `fit`: jobs that could have been in that run.
  void observe(std::size_t jobs, std::size_t fit, std::chrono::nanoseconds took, Time now) {
    const std::chrono::duration<double> gone = std::max(Time::duration{0}, now - last_);
    const double left = std::exp(-gone / remembers);
    const auto ns = static_cast<double>(took.count());
    jobs_ = jobs_ * left + static_cast<double>(jobs);
    took_ = took_ * left + ns;
    fit_ = fit_ * left + static_cast<double>(fit) * ns;
    last_ = std::max(last_, now);
  }

  /// Returns: as `KindPace::unknown` before anything ran.
  std::chrono::nanoseconds per_job() const {
    if (jobs_ <= 0) return KindPace::unknown;
    return std::chrono::nanoseconds{static_cast<std::chrono::nanoseconds::rep>(took_ / jobs_)};
  }
  /// Returns: jobs that fit in a run, on average over the handlers' time; at least 1.
  std::size_t fit() const {
    return took_ <= 0 ? 1 : static_cast<std::size_t>(std::max(1.0, fit_ / took_));
  }

 private:
  static constexpr std::chrono::seconds remembers{2};

  double jobs_ = 0;
  double took_ = 0;
  double fit_ = 0;  ///< by time
  Time last_;
};

}  // namespace ferry::detail
