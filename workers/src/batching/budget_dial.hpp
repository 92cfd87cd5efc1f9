#pragma once

#include <cstddef>

#include "batching/time.hpp"

namespace ferry::detail {

/// How much of their budget jobs may spend before their batch has to be done: 0 lets them leave at
/// once, 0.95 keeps them for as long as a sound prediction allows.
///
/// Additive increase, multiplicative decrease. It goes up after 300 jobs in 20 batches of which at
/// most half as many were late as may be (none of 300 says with 95 % that it is under 1 %). It goes
/// down when more were late than chance explains: by three deviations of the binomial
/// distribution at any time, by 1.645 at the end of a window; and never before three batches had
/// late jobs, as those of one batch are late together. A window with a few more than may be takes
/// a fine step down. Steps up are fine ones too from nine tenths of where it was cut last, so that
/// it stays below rather than swings around that. Batches that left under another value do not
/// count.
///
/// Threads: one thread at a time.
/// Source: Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
/// Avoidance" (1989); factor 0.7 as in RFC 9438, section 4.6; Hanley and Lippman-Hand, "If Nothing
/// Goes Wrong, Is Everything All Right?", JAMA 249 (1983), for the 300.
class BudgetDial {
 public:
  static constexpr double highest = 0.95;
  static constexpr double late_share = 0.01;  ///< what a p99 leaves
  static constexpr double step = 0.1;
  static constexpr double fine_step = 0.02;
  static constexpr double cut = 0.7;
  static constexpr std::size_t window_jobs = 300;
  static constexpr std::size_t window_batches = 20;
  static constexpr std::size_t least_late_batches = 3;

  /// A batch that started at `started` had so many jobs of this dial, of which `late` were settled
  /// after their budget.
  void observe(std::size_t jobs, std::size_t late, Time started, Time now);

  double value() const { return value_; }

 private:
  void set(double value, Time now);
  void turn_down(Time now);
  void turn_up(Time now);
  void open_window();

  double value_ = 0;
  double cut_at_ = 2;         ///< the value that was too high last; out of reach = none
  Time since_ = Time::min();  ///< when it got this value
  std::size_t jobs_ = 0;
  std::size_t late_ = 0;
  std::size_t batches_ = 0;
  std::size_t late_batches_ = 0;
};

}  // namespace ferry::detail
