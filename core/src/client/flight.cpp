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
    settled_.store(true, std::memory_order_release);
  }
  turn_.notify_all();
  changed_.notify_all();
}

void Flight::offer_lead() {
  {
    const std::scoped_lock lock(mutex_);
    lead_offered_ = true;
  }
  turn_.notify_one();
}

Flight::Turn Flight::wait_turn() {
  std::unique_lock lock(mutex_);
  turn_.wait(lock, [this] { return lead_offered_ || settled(); });
  // An offer must be taken even when the flight is settled meanwhile: it is the connection.
  if (!lead_offered_) return Turn::settled;
  lead_offered_ = false;
  return Turn::lead;
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
