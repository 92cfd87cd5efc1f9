#include "in_flight.hpp"

#include <algorithm>

namespace ferry::detail {

InFlight::InFlight(std::size_t max_jobs, std::size_t max_bytes, FlightLimit limit)
    : credits_(max_jobs, max_bytes), limit_(limit) {}

std::string InFlight::key(std::uint32_t queue, Priority priority, std::string_view entry_id) {
  std::string key = std::to_string(queue);
  key += static_cast<char>('0' + static_cast<int>(priority));
  key += entry_id;
  return key;
}

std::size_t InFlight::wait_for_credit(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  std::int64_t room = 0;
  changed_.wait_until(lock, until, [&] {
    const auto limit = static_cast<std::int64_t>(limit_.limit(std::chrono::steady_clock::now()));
    room = credits_.any_free() ? std::min(credits_.free_jobs(), limit - credits_.out_jobs()) : 0;
    return closed_ || room > 0;
  });
  return closed_ || room <= 0 ? 0 : static_cast<std::size_t>(room);
}

void InFlight::add(const EnvelopePtr& envelope) {
  const std::lock_guard lock(mutex_);
  held_.emplace(key(envelope->queue, envelope->priority, envelope->entry_id), envelope);
  credits_.take(envelope->count, envelope->bytes.size());
}

void InFlight::remove(const LeasedEnvelope& envelope, std::size_t jobs_settled,
                      std::chrono::steady_clock::time_point now) {
  EnvelopePtr last;  // freed outside the lock
  {
    const std::lock_guard lock(mutex_);
    const auto at = held_.find(key(envelope.queue, envelope.priority, envelope.entry_id));
    if (at == held_.end() || at->second.get() != &envelope) return;
    last = std::move(at->second);
    held_.erase(at);
    credits_.give(last->count, last->bytes.size());
    limit_.on_settled(jobs_settled, now);
  }
  changed_.notify_all();
}

bool InFlight::wait_until_empty(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return held_.empty(); });
}

void InFlight::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::vector<EnvelopePtr> InFlight::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<EnvelopePtr> all;
  all.reserve(held_.size());
  for (const auto& [key, envelope] : held_) all.push_back(envelope);
  return all;
}

std::unordered_set<std::string> InFlight::keys() const {
  const std::lock_guard lock(mutex_);
  std::unordered_set<std::string> keys;
  for (const auto& [key, envelope] : held_) keys.insert(key);
  return keys;
}

InFlight::Books InFlight::books() const {
  const std::lock_guard lock(mutex_);
  return {credits_.free_jobs(), credits_.out_jobs(), credits_.total_jobs()};
}

}  // namespace ferry::detail
