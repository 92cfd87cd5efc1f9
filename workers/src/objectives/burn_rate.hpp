#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ferry::detail {

/// How fast an objective's allowance of late jobs is used up, over a short and a long window.
///
/// Threads: one thread at a time.
/// Source: The Site Reliability Workbook, chapter 5, https://sre.google/workbook/alerting-on-slos/,
/// whose windows and threshold these are: 14.4 for an hour is 2 % of a month's allowance.
class BurnRate {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds short_window{300};
  static constexpr std::chrono::seconds long_window{3600};
  static constexpr double threshold = 14.4;
  /// With fewer jobs in the long window a handful of late ones decided.
  static constexpr std::uint64_t least_jobs = 50;

  explicit BurnRate(double share) : allowed_(1 - share) {}

  void record(Time now, std::uint64_t jobs, std::uint64_t late);

  /// Returns: 0 without jobs; exact to a slot of 10 s.
  double over(std::chrono::seconds window, Time now) const;

  /// Decides anew.
  bool burns(Time now);

 private:
  static constexpr std::chrono::seconds slot_length{10};
  static constexpr std::size_t slot_count = long_window / slot_length;

  struct Slot {
    std::int64_t number = -1;  ///< since the clock's beginning; an older one is empty
    std::uint64_t jobs = 0;
    std::uint64_t late = 0;
  };
  static std::int64_t number_of(Time time) { return time.time_since_epoch() / slot_length; }
  Slot sum(std::chrono::seconds window, Time now) const;

  double allowed_;
  bool burning_ = false;
  std::array<Slot, slot_count> slots_{};
};

}  // namespace ferry::detail
