#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include "batching/time.hpp"
#include "control.hpp"

namespace ferry::detail {

/// What the last heartbeats were told of each queue, for everybody in this worker.
///
/// Threads: any.
class ControlBoard {
 public:
  explicit ControlBoard(std::size_t queues) : flags_(queues), claimable_(queues) {}

  struct Changes {
    std::vector<std::uint32_t> paused;  ///< queues that were not paused before and are now
    bool keeps_more = false;            ///< this worker looks after one that it did not
  };
  /// Takes in the answers of a heartbeat; what was not answered stays as it was.
  Changes update(std::vector<Control> controls, Time now);

  bool is_paused(std::uint32_t queue) const { return flags_[queue].paused; }
  /// Not when this worker is quiet or stops: then others look after its queues.
  bool keeps(std::uint32_t queue) const { return flags_[queue].keeper && !retired_; }
  std::size_t workers_alive(std::uint32_t queue) const { return flags_[queue].alive; }

  /// Returns: Redis's clock at that moment, as far as it is known; 0 = not at all.
  ///
  /// Units: ms since 1970.
  std::uint64_t server_ms(std::uint32_t queue, Time now) const;

  std::vector<Holder> claimable(std::uint32_t queue) const;
  /// A look of this worker's own knows more than its last heartbeat.
  void set_claimable(std::uint32_t queue, std::vector<Holder> holders, std::size_t workers_alive);

  /// Nothing is left under that name.
  void forget_claimable(std::uint32_t queue, const Holder& holder);

  /// From now on this worker takes nothing over and looks after nothing.
  void retire() { retired_ = true; }
  bool is_retired() const { return retired_; }

 private:
  struct Flags {
    std::atomic<bool> paused{false};
    std::atomic<bool> keeper{false};
    std::atomic<std::size_t> alive{0};
    std::atomic<std::int64_t> ahead_ms{0};  ///< of Redis's clock before our steady one; 0 = unknown
  };

  std::vector<Flags> flags_;
  std::atomic<bool> retired_{false};
  mutable std::mutex mutex_;
  std::vector<std::vector<Holder>> claimable_;  ///< for each queue; under `mutex_`
};

}  // namespace ferry::detail
