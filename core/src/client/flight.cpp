#include "client/flight.hpp"

#include <algorithm>

namespace ferry::detail {

void Flight::fail_singles(const std::vector<JobId>& ids, SharedError error) {
  const std::scoped_lock lock(mutex_);
  for (const JobId& id : ids) singles_.emplace_back(id, error);
}

void Flight::settle(SharedError error) {
  {
    const std::scoped_lock lock(mutex_);
    error_ = std::move(error);
    std::ranges::sort(singles_, {}, &std::pair<JobId, SharedError>::first);
    turn_.fetch_or(is_settled, std::memory_order_release);
  }
  turn_.notify_all();
  changed_.notify_all();
}

void Flight::offer_lead() {
  turn_.fetch_or(lead_offered, std::memory_order_release);
  turn_.notify_one();
}

Flight::Turn Flight::wait_turn() {
  auto seen = turn_.load(std::memory_order_acquire);
  while (true) {
    // An offer must be taken even when the flight is settled meanwhile: it is the connection.
    if ((seen & lead_offered) != 0) {
      if (turn_.compare_exchange_weak(seen, seen & ~lead_offered)) return Turn::lead;
    } else if ((seen & is_settled) != 0) {
      return Turn::settled;
    } else {
      turn_.wait(seen, std::memory_order_acquire);
      seen = turn_.load(std::memory_order_acquire);
    }
  }
}

void Flight::wait_settled() const {
  if (settled()) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return settled(); });
}

bool Flight::wait_settled_until(Clock::time_point until) const {
  if (settled()) return true;
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [this] { return settled(); });
}

SharedError Flight::error_of(const JobId& id) const {
  if (!singles_.empty()) {
    const auto found =
        std::ranges::lower_bound(singles_, id, {}, &std::pair<JobId, SharedError>::first);
    if (found != singles_.end() && found->first == id) return found->second;
  }
  return error_;
}

}  // namespace ferry::detail
