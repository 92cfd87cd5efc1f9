#include "in_flight.hpp"

#include <algorithm>
#include <utility>

#include "pressure/flow_rule.hpp"

namespace ferry::detail {

InFlight::InFlight(std::size_t max_jobs, std::size_t max_bytes, FlightLimit limit)
    : credits_(max_jobs, max_bytes), limit_(limit) {}

std::int64_t InFlight::room(std::chrono::steady_clock::time_point now) {
  if (!credits_.any_free()) return 0;
  if (!held_.empty() && (claims_wait_ || !flow_.may_fetch)) return 0;
  const auto limit = static_cast<std::int64_t>(limit_.limit(now));
  const auto apart = static_cast<std::int64_t>(flow_.not_in_hand + refused_);
  const std::int64_t in_hand = std::max<std::int64_t>(0, credits_.out_jobs() - apart);
  return std::min(credits_.free_jobs(), limit - in_hand);
}

void InFlight::set_flow(Flow flow) {
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    more = flow.not_in_hand > flow_.not_in_hand || (flow.may_fetch && !flow_.may_fetch) ||
           (flow_.is_ahead && !flow.is_ahead);
    flow_ = flow;
  }
  if (more) changed_.notify_all();
}

void InFlight::set_refused(std::size_t jobs) {
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    more = jobs > std::exchange(refused_, jobs);
  }
  if (more) changed_.notify_all();
}

void InFlight::set_claims_wait(bool wait) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(claims_wait_, wait) == wait) return;
  }
  if (!wait) changed_.notify_all();
}

std::chrono::steady_clock::time_point InFlight::gives_way_until() const {
  return flow_.is_ahead ? added_at_ + gives_way : std::chrono::steady_clock::time_point::min();
}

bool InFlight::worth_a_fetch(std::chrono::steady_clock::time_point now) {
  if (now < gives_way_until()) return false;
  const std::int64_t free = room(now);
  if (held_.empty()) return free > 0;
  return free >= static_cast<std::int64_t>(limit_.worth_a_fetch(now));
}

std::size_t InFlight::wait_for_credit(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  auto now = std::chrono::steady_clock::now();
  while (now < until && !closed_ && !worth_a_fetch(now)) {
    const auto after = gives_way_until();
    changed_.wait_until(lock, now < after ? std::min(after, until) : until);
    now = std::chrono::steady_clock::now();
  }
  if (closed_ || now < gives_way_until()) return 0;
  return at_most_at_once(room(now));
}

std::size_t InFlight::credit_now() {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  const bool goes = !closed_ && flow_.may_fetch_ahead && worth_a_fetch(now);
  return goes ? at_most_at_once(room(now)) : 0;
}

std::size_t InFlight::at_most_at_once(std::int64_t room) const {
  return std::min(flow_.at_once, static_cast<std::size_t>(std::max<std::int64_t>(0, room)));
}

std::vector<EnvelopePtr> InFlight::add(std::vector<EnvelopePtr> envelopes) {
  const std::lock_guard lock(mutex_);
  if (!envelopes.empty()) added_at_ = std::chrono::steady_clock::now();
  std::erase_if(envelopes, [&](const EnvelopePtr& envelope) {
    const LeaseKey key = envelope->key();
    const auto at = held_.find(key);
    if (at != held_.end()) {
      at->second.delivered_again = true;
      return true;
    }
    if (spare_.empty()) {
      held_.emplace(key, Held{envelope});
    } else {
      spare_.back().key() = key;
      spare_.back().mapped() = {envelope};
      held_.insert(std::move(spare_.back()));
      spare_.pop_back();
    }
    envelope->credits = envelope->count;
    envelope->credit_bytes = envelope->memory();
    credits_.take(envelope->credits, envelope->credit_bytes);
    return false;
  });
  return envelopes;
}

bool InFlight::take_delivered_again() {
  const std::lock_guard lock(mutex_);
  return std::exchange(delivered_again_, false);
}

void InFlight::remove(std::span<const Acknowledged> ended,
                      std::chrono::steady_clock::time_point now) {
  std::vector<EnvelopePtr> last;  // freed or kept outside the lock
  last.reserve(ended.size());
  bool somebody_waits_for_this = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [envelope, jobs_settled, jobs_gone] : ended) {
      const auto at = held_.find(envelope->key());
      if (at == held_.end() || at->second.envelope.get() != envelope) continue;
      limit_.on_settled(jobs_settled, now);
      if (jobs_gone > 0) {
        // Its bytes are here to the end.
        std::size_t& credits = at->second.envelope->credits;
        const std::size_t back = std::min(jobs_gone, credits);
        credits_.give(back, 0);
        credits -= back;
        continue;
      }
      credits_.give(envelope->credits, envelope->credit_bytes);
      delivered_again_ = delivered_again_ || at->second.delivered_again;
      auto node = held_.extract(at);
      last.push_back(std::move(node.mapped().envelope));
      if (spare_.size() < EnvelopePool::most_spare) spare_.push_back(std::move(node));
    }
    somebody_waits_for_this = held_.empty() || worth_a_fetch(now);
  }
  if (somebody_waits_for_this) changed_.notify_all();
  pool_.give(std::move(last));
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
  for (const auto& [key, held] : held_) all.push_back(held.envelope);
  return all;
}

std::vector<bool> InFlight::queues_held(std::size_t queues) const {
  std::vector<bool> is_held(queues);
  const std::lock_guard lock(mutex_);
  for (const auto& [key, held] : held_) is_held[key.queue] = true;
  return is_held;
}

bool InFlight::any_free() const {
  const std::lock_guard lock(mutex_);
  return credits_.any_free();
}

std::size_t InFlight::free_jobs() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::max<std::int64_t>(0, credits_.free_jobs()));
}

std::size_t InFlight::free_bytes() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::max<std::int64_t>(0, credits_.free_bytes()));
}

std::size_t InFlight::capacity() const {
  const std::lock_guard lock(mutex_);
  auto jobs = static_cast<double>(credits_.total_jobs());
  if (credits_.out_jobs() > 0 && credits_.out_bytes() > 0) {
    const auto each =
        static_cast<double>(credits_.out_bytes()) / static_cast<double>(credits_.out_jobs());
    jobs = std::min(jobs, static_cast<double>(credits_.total_bytes()) / each);
  }
  return std::max<std::size_t>(1, static_cast<std::size_t>(jobs));
}

InFlight::Books InFlight::books() const {
  const std::lock_guard lock(mutex_);
  return {credits_.free_jobs(), credits_.out_jobs(), credits_.total_jobs()};
}

}  // namespace ferry::detail
