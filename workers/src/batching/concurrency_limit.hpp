#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "batching/run_time_model.hpp"

namespace ferry::detail {

/// How many handlers of a kind should run at once when what they share, such as a database, does
/// less the more of them ask it.
///
/// Trials decide: periods under the limit and under a neighbour of it take turns until it is clear
/// which is better. Run times are compared after division by what a batch of that size takes, so
/// large batches are not taken for a slow database. A handler more has to bring a quarter of its
/// share more work, or the fewer are the better. A trial that was won is followed by a larger step
/// the same way; one that was lost by a rest and a smaller step the other way. When runs of a whole
/// period are much slower than in the last trial, the limit is halved without one, and again until
/// they are not; trials upwards then find out whether that was too much.
///
/// Only runs that began while all allowed ones were under way count, and only in the period in
/// which they also end: while there is too little to do nothing is learned, and no limit matters.
///
/// Threads: one thread at a time.
/// Source: Dong, Li, Zarchy, Godfrey, Schapira, "PCC: Re-architecting Congestion Control for
/// Consistent High Performance", NSDI 2015, section 3: randomized trials of two rates.
class ConcurrencyLimit {
 public:
  using Duration = std::chrono::nanoseconds;

  /// What a handler more must bring of its share.
  static constexpr double worth = 0.25;
  static constexpr std::size_t period_runs = 16;   ///< that count
  static constexpr std::size_t most_runs = 256;    ///< of each side: then nothing is to be seen
  static constexpr std::size_t longest_rest = 64;  ///< in periods, at the maximum
  static constexpr std::size_t longest_rest_limited = 48;  ///< below it
  /// By this factor slower than in the last trial: the limit is halved.
  static constexpr double alarm = 1.5;

  /// `most`: at least 1; it begins there.
  explicit ConcurrencyLimit(std::size_t most) : most_(most), limit_(most), other_(most) {}

  /// Returns: how many may run now, in a trial as well.
  std::size_t now() const { return in_other_ ? other_ : limit_; }
  /// Returns: what was decided last.
  std::size_t limit() const { return limit_; }

  std::size_t most() const { return most_; }

  /// A run begins, by which so many are under way.
  ///
  /// Returns: its ticket, to be given to `end`.
  std::uint64_t begin(std::size_t running) const { return running == now() ? period_ : 0; }

  /// It has ended with so many jobs; 0 = it tells nothing.
  void end(std::uint64_t ticket, std::size_t jobs, Duration took);

 private:
  struct Seen {
    std::size_t jobs;
    Duration took;
  };
  struct Middle {
    double value = 0;
    double error = 0;
  };
  enum class Better : std::uint8_t { unknown, fewer, more };

  bool in_trial() const { return other_ != limit_; }
  void begin_period(bool in_other);
  void begin_trial();
  bool is_alarming() const;
  void halve();
  void end_rest();
  void end_trial(bool won);
  Better judge() const;
  Middle middle_of(const std::vector<Seen>& runs) const;

  std::size_t most_;
  std::size_t limit_;
  std::size_t other_;      ///< that is tried; equal to `limit_` = no trial
  bool in_other_ = false;  ///< this period belongs to it
  bool upwards_ = false;
  std::size_t step_part_ = 4;  ///< a step is this part of the limit: 2, 4 or 8
  std::size_t rest_ = 1;       ///< periods to the next trial after one that is lost
  std::size_t rest_left_ = 1;
  std::uint64_t period_ = 1;
  std::size_t ended_ = 0;  ///< runs that counted in this period
  RunTimeModel model_;
  std::vector<Seen> usual_;  ///< the last trial's runs under what then became the limit
  std::array<std::vector<Seen>, 2> runs_;  ///< of this trial: under the limit, under the other
};

}  // namespace ferry::detail
