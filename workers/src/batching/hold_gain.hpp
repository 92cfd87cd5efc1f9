#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace ferry::detail {

/// Remembers whether anybody joined while batches were held. A producer that waits for each of its
/// jobs would otherwise be held back for nobody, job after job.
///
/// Threads: one thread at a time.
class HoldGain {
 public:
  static constexpr std::uint32_t first_pause = 16;
  static constexpr std::uint32_t longest_pause = 256;

  /// Returns: whether the next batch should be held. False when at most one of the last 16 holds
  /// gained a job, but for a trial now and then: after 16 departures, then 32, up to 256.
  bool expected() const { return pays() || departures_ >= pause_; }

  /// A batch has left that was held.
  void held(bool joined) {
    if (pays()) {
      joined_ = static_cast<std::uint16_t>(joined_ << 1U | (joined ? 1U : 0U));
    } else if (joined) {
      joined_ = all;
      pause_ = first_pause;
    } else {
      pause_ = std::min(2 * pause_, longest_pause);
    }
    departures_ = 0;
  }

  /// A batch has left that was not held, because no gain was expected.
  void not_held() { ++departures_; }

 private:
  static constexpr std::uint16_t all = 0xffff;

  bool pays() const { return std::popcount(joined_) > 1; }

  std::uint16_t joined_ = all;  ///< a bit for each of the last holds, the newest lowest
  std::uint32_t departures_ = 0;
  std::uint32_t pause_ = first_pause;
};

}  // namespace ferry::detail
