#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "client/buffer_room.hpp"
#include "client/cargo.hpp"
#include "ferry/client.hpp"
#include "ferry/error.hpp"
#include "home_process.hpp"

namespace ferry::detail {

struct Channel;
struct Slot;
using Clock = std::chrono::steady_clock;
using SharedError = std::shared_ptr<const Error>;

/// Jobs that leave together for one queue, and what became of them; shared by their receipts.
///
/// Threads: the first half belongs to the Sender (its mutex, or the leader while `on_wire`); the
/// functions may be called from any thread, and outlive the Sender.
struct Flight {
  explicit Flight(const CargoLimits& limits, SpareMemory* spare = nullptr) : cargo(limits, spare) {}

  const HomeProcess home;
  Cargo cargo;
  Channel* channel = nullptr;
  Slot* slot = nullptr;        ///< from its first call on
  Clock::time_point first_at;  ///< when the oldest job came
  Clock::time_point deadline;  ///< of the oldest job
  Held held;                   ///< what it takes of the local buffer
  int sync_waiters = 0;        ///< callers that could lead a round
  int installs = 0;
  int cuts = 0;  ///< times in a row that Redis closed the connection on it
  bool on_wire = false;
  bool hurry = false;  ///< no linger
  std::optional<Fullness> fullness;
  SharedError last_error;

  /// Settles single jobs that share not the fate of the rest. Before `settle`.
  void fail_singles(const std::vector<JobId>& ids, SharedError error);
  /// Null: everything else is stored.
  void settle(SharedError error);
  bool settled() const { return (turn_.load(std::memory_order_acquire) & is_settled) != 0; }

  /// Hands the connection over to one of the callers that wait in `wait_turn`.
  void offer_lead();
  enum class Turn : std::uint8_t { lead, settled };
  Turn wait_turn();

  void wait_settled() const;
  bool wait_settled_until(Clock::time_point deadline) const;
  /// Returns: null when the job is stored. After `settled`.
  SharedError error_of(const JobId& id) const;

 private:
  static constexpr std::uint32_t is_settled = 1;
  static constexpr std::uint32_t lead_offered = 2;

  /// Callers in `wait_turn` wait here: many wake at once, and none needs a lock to go on.
  std::atomic<std::uint32_t> turn_{0};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  SharedError error_;
  std::vector<std::pair<JobId, SharedError>> singles_;
};

}  // namespace ferry::detail
