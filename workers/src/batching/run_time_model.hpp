#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace ferry::detail {

/// Learns how long a batch of a kind runs, as a fixed part and one for each job, and predicts on
/// the safe side.
///
/// The line is Tukey's through the medians of the smallest and the largest third of the last
/// batches: one in six may be anything. On top comes the factor by which all but the worst
/// 2 % of them exceeded the line. Between sizes that were seen the line holds; below them a batch
/// is believed to take as long as the smallest, above them in proportion to its size: no batch with
/// a fixed part takes longer than that, so not to know can only make batches leave earlier.
///
/// Units: a handler's call; times up to an hour.
/// Threads: one thread at a time.
/// Source: J. W. Tukey, Exploratory Data Analysis (1977), ch. 5; Johnstone and Velleman, "The
/// Resistant Line and Related Regression Methods", JASA 80 (1985).
class RunTimeModel {
 public:
  using Duration = std::chrono::nanoseconds;

  /// So many are remembered. A third of them makes a median that noise of 15 % moves by 3 %, and
  /// three bad runs of them move the prediction. A new one takes the place of the oldest of the
  /// sizes that are there most often, sizes between two powers of two counting as one: the few
  /// large batches among many small ones would else be forgotten before there are enough of them.
  static constexpr std::size_t window = 128;
  /// What lies so many batches back is forgotten whatever its size.
  static constexpr std::uint64_t forgotten_after = 8 * window;
  /// Fewer say nothing.
  static constexpr std::size_t least = 8;

  void observe(std::size_t jobs, Duration took);

  bool knows() const { return seen_ >= least; }

  /// Never decreases with the size.
  ///
  /// Returns: how long so many jobs take but for some 2 % of the batches; 0 while nothing is known.
  Duration predict(std::size_t jobs) const;

  /// Returns: the most jobs whose prediction is within `time`; 0 when one takes longer, `SIZE_MAX`
  /// while nothing is known.
  std::size_t fitting(Duration time) const;

  /// Returns: what a batch costs whatever its size; all of it while only one size was seen.
  Duration fixed_part() const { return Duration(static_cast<Duration::rep>(fixed_)); }
  /// Returns: what each job adds.
  Duration per_job() const { return Duration(static_cast<Duration::rep>(per_job_)); }
  /// Returns: the size at which both parts cost the same, at least 1; nothing while sizes seen are
  /// too much alike to tell.
  std::optional<double> useful_size() const;

 private:
  struct Seen {
    double jobs = 0;
    double ns = 0;
    std::uint64_t number = 0;
  };

  std::size_t place_for_next() const;
  void fit();
  void fit_window();
  /// Keeps the newest runs only when the line is not true of them any more.
  ///
  /// Returns: whether it was so.
  bool forget_old_times();
  void fit_line(const std::array<Seen, window>& by_size);
  double line(double jobs) const { return fixed_ + per_job_ * jobs; }
  double typical(double jobs) const;

  std::array<Seen, window> runs_{};
  std::size_t seen_ = 0;  ///< in `runs_`
  std::uint64_t observed_ = 0;
  std::size_t since_fit_ = 0;

  double fixed_ = 0;
  double per_job_ = 0;
  double smallest_ = 1;  ///< the line is believed from here
  double largest_ = 1;   ///< to here
  double factor_ = 1;
};

}  // namespace ferry::detail
