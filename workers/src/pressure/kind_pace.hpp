#pragma once

#include <chrono>
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

}  // namespace ferry::detail
