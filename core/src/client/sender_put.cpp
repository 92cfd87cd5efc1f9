#include <algorithm>
#include <limits>
#include <utility>

#include "client/sender.hpp"
#include "client/thread_spare.hpp"
#include "ranges.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace ferry::detail {
namespace {

std::uint64_t to_us(std::chrono::system_clock::time_point at) {
  using std::chrono::microseconds;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<microseconds>(at.time_since_epoch()).count());
}

std::uint64_t now_us() { return to_us(std::chrono::system_clock::now()); }

/// What the option `clock` says, if it can be stored together with an expiry.
std::uint64_t told_us(std::chrono::system_clock::time_point at) {
  constexpr auto latest = std::chrono::milliseconds{wire::max_time_ms} - longest_delay;
  const auto since_1970 = std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch());
  require_between("ClientOptions.clock", since_1970, std::chrono::microseconds{0}, latest,
                  "a time in the years 1970 to 2198");
  return static_cast<std::uint64_t>(since_1970.count());
}

/// Default options are the usual case and need no look at their limits.
bool all_default(const EnqueueOptions& options) {
  return options.queue.empty() && options.priority == Priority::normal &&
         options.run_after.count() == 0 && options.expires_after.count() == 0 &&
         options.max_attempts == 0 && options.traceparent.empty() && options.batch_key.empty() &&
         options.headers.empty() && options.latency_budget.count() == 0;
}

SharedError make_error(ErrorCode code, const std::string& message) {
  return std::make_shared<const Error>(code, message);
}

}  // namespace

/// One call of the public API: what its jobs have in common.
struct Sender::Order {
  std::string_view queue;
  std::string_view kind;
  Cargo::Place place;
  std::uint64_t now_us = 0;
  Clock::time_point now;
  wire::Extras extras;
  bool has_extras = false;
  bool opened_flight = false;
};

Sender::Order Sender::order_of(std::string_view kind, const EnqueueOptions& options) const {
  require_usable();
  wire::require_name("kind", kind);
  Order order;
  order.queue = options_.queue;
  order.kind = kind;
  order.now_us = options_.clock ? told_us(options_.clock()) : now_us();
  order.now = Clock::now();
  if (sealer_.active()) {
    order.extras.key_id = sealer_.key_id();
    order.has_extras = true;
  }
  if (all_default(options)) return order;

  options.validate();
  if (!options.queue.empty()) order.queue = options.queue;
  order.place = {options.priority, options.run_after};
  if (options.expires_after.count() > 0) {
    order.extras.expires_at_ms =
        order.now_us / 1000 + static_cast<std::uint64_t>(options.expires_after.count());
  }
  order.extras.max_attempts = options.max_attempts;
  order.extras.traceparent = options.traceparent;
  order.extras.batch_key = options.batch_key;
  order.extras.headers.assign(options.headers.begin(), options.headers.end());
  order.extras.latency_budget_ms = static_cast<int>(options.latency_budget.count());
  order.has_extras = order.has_extras || order.extras.expires_at_ms != 0 ||
                     options.max_attempts != 0 || !options.traceparent.empty() ||
                     !options.batch_key.empty() || !options.headers.empty() ||
                     options.latency_budget.count() != 0;
  return order;
}

/// Seals the payload if this client does, while no lock is held, and acts on what is to be stored.
template <typename Act>
Receipt Sender::with_job(Order& order, std::string_view payload, Act act) {
  if (!sealer_.active()) return act({payload, payload.size(), nullptr});
  auto sealed = ThreadSpare<SealedJobs>::take();
  sealed->clear();
  sealer_.seal({sealer_.next_id(order.now_us), order.queue, order.kind}, payload, *sealed);
  Receipt receipt = act((*sealed)[0]);
  ThreadSpare<SealedJobs>::give(std::move(sealed));
  return receipt;
}

Receipt Sender::put(std::string_view kind, std::string_view payload,
                    const EnqueueOptions& options) {
  Order order = order_of(kind, options);
  return with_job(order, payload, [&](const IncomingJob& job) {
    Lock lock(mutex_);
    Receipt receipt = put_locked(lock, order, job);
    if (order.opened_flight) wake();
    if (failures_.has_news()) tell(lock);
    return receipt;
  });
}

Receipt Sender::store(std::string_view kind, std::string_view payload,
                      const EnqueueOptions& options) {
  Order order = order_of(kind, options);
  return with_job(order, payload, [&](const IncomingJob& job) {
    Lock lock(mutex_);
    Receipt receipt = put_locked(lock, order, job);
    if (!receipt.flight_->settled()) await_locked(lock, *receipt.flight_);
    if (receipt.flight_->error_of(receipt.id_) != nullptr) {
      if (!lock.owns_lock()) lock.lock();
      failures_.thrown();
      if (failures_.has_news()) tell(lock);
    }
    return receipt;
  });
}

Receipt Sender::put_locked(Lock& lock, Order& order, const IncomingJob& job) {
  Receipt receipt;
  SharedError error = obstacle(lock, order, job.stored_bytes);
  if (error != nullptr) {
    receipt.flight_ = refused(std::move(error));
  } else {
    receipt.flight_ = open_flight(channel_of(order.queue), order, job.payload.size());
    receipt.id_ = load(*receipt.flight_, order, job);
  }
  return receipt;
}

void Sender::put_all(std::string_view kind, const PackedJobs& jobs, const EnqueueOptions& options,
                     Wake how, std::vector<ReceiptRun>& runs) {
  Order order = order_of(kind, options);
  SealedJobs sealed;
  if (sealer_.active() && jobs.size() > 0) {
    const JobId first = sealer_.next_id(order.now_us);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      sealer_.seal({wire::id_after(first, i), order.queue, order.kind}, jobs[i], sealed);
    }
  }
  if (how == Wake::now) let_leader_go_first();
  Lock lock(mutex_);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const IncomingJob job =
        sealer_.active() ? sealed[i] : IncomingJob{jobs[i], jobs[i].size(), nullptr};
    SharedError error = obstacle(lock, order, job.stored_bytes);
    if (error != nullptr) {
      runs.push_back({refused(std::move(error)), {}, 1});
      continue;
    }
    const auto& flight = open_flight(channel_of(order.queue), order, job.payload.size());
    const JobId id = load(*flight, order, job);
    if (!runs.empty() && runs.back().flight == flight &&
        id == wire::id_after(runs.back().first, runs.back().count)) {
      ++runs.back().count;
    } else {
      runs.push_back({flight, id, 1});
    }
  }
  if (order.opened_flight && how == Wake::now) wake();
  if (failures_.has_news()) tell(lock);
}

std::shared_ptr<Flight> Sender::refused(SharedError error) {
  auto flight = std::make_shared<Flight>(CargoLimits{});
  flight->settle(std::move(error));
  return flight;
}

/// Returns: why a job cannot be taken in; null when it can, now.
SharedError Sender::obstacle(Lock& lock, Order& order, std::size_t payload_bytes) {
  SharedError error;
  if (payload_bytes > wire::max_payload_bytes) {
    error = make_error(ErrorCode::oversized,
                       "the payload has " + std::to_string(payload_bytes) +
                           (sealer_.active() ? " bytes when sealed" : " bytes") +
                           ", more than the " + std::to_string(wire::max_payload_bytes) +
                           " allowed: store it elsewhere and enqueue a reference");
  } else if (closing_) {
    error = make_error(ErrorCode::stopped, "the client is being closed");
  } else if (!has_room(order.queue, payload_bytes)) {
    error = make_room(lock, order, payload_bytes);
  }
  if (error != nullptr) {
    const std::string queue(order.queue);
    note_failed(queue, 1, error);
    if (options_.on_failed) failures_.add_each(queue, {{JobId{}, std::string(order.kind)}}, error);
  }
  return error;
}

JobId Sender::load(Flight& flight, const Order& order, const IncomingJob& job) {
  hold(flight, {1, job.payload.size()});
  return flight.cargo.add(order.place, order.kind, job.payload, order.now_us,
                          order.has_extras ? &order.extras : nullptr, ids_, job.own_id);
}

Channel& Sender::channel_of(std::string_view queue) {
  if (last_channel_ != nullptr && last_channel_->queue == queue) return *last_channel_;
  auto found = channels_.find(queue);
  if (found == channels_.end()) {
    found = channels_
                .emplace(std::string(queue),
                         std::make_unique<Channel>(options_.redis.prefix, queue, options_.limits))
                .first;
  }
  last_channel_ = found->second.get();
  return *last_channel_;
}

const std::shared_ptr<Flight>& Sender::open_flight(Channel& channel, Order& order,
                                                   std::size_t payload_bytes) {
  if (!channel.flights.empty()) {
    const auto& last = channel.flights.back();
    // A flight fails as a whole when its oldest job has waited for block_timeout: nobody joins one
    // that has spent a tenth of it already.
    const auto joinable = std::max<Clock::duration>(options_.block_timeout / 10, options_.linger) +
                          std::chrono::milliseconds{10};
    if (!last->on_wire && order.now - last->first_at <= joinable &&
        last->cargo.takes(order.place, order.kind, payload_bytes)) {
      return last;
    }
  }
  CargoLimits limits = cargo_limits_;
  limits.sizes = channel.sizes;
  auto flight = std::make_shared<Flight>(limits, &spare_);
  flight->channel = &channel;
  flight->first_at = order.now;
  flight->deadline = order.now + options_.block_timeout;
  order.opened_flight = true;
  set_active(channel);
  return channel.flights.emplace_back(std::move(flight));
}

void Sender::hold(Flight& flight, Held more) {
  const auto add = [&more](Held& held) {
    held.jobs += more.jobs;
    held.bytes += more.bytes;
  };
  add(flight.held);
  add(flight.channel->held);
  add(held_);
  if (flight.channel->held_back) add(held_back_);
}

void Sender::let_go(Flight& flight, Held less) {
  const auto take = [&less](Held& held) {
    held.jobs -= less.jobs;
    held.bytes -= less.bytes;
  };
  take(flight.held);
  take(flight.channel->held);
  take(held_);
  if (flight.channel->held_back) take(held_back_);
}

void Sender::set_held_back(Channel& channel, bool held_back) {
  if (channel.held_back == held_back) return;
  channel.held_back = held_back;
  const Held& held = channel.held;
  held_back_ = held_back ? Held{held_back_.jobs + held.jobs, held_back_.bytes + held.bytes}
                         : Held{held_back_.jobs - held.jobs, held_back_.bytes - held.bytes};
  // There may be room for others now that was none before.
  if (room_waiters_ > 0) room_.notify_all();
}

const Channel* Sender::find_channel(std::string_view queue) const {
  if (last_channel_ != nullptr && last_channel_->queue == queue) return last_channel_;
  const auto found = channels_.find(queue);
  return found == channels_.end() ? nullptr : found->second.get();
}

bool Sender::has_room(std::string_view queue, std::size_t bytes) const {
  const Channel* channel = find_channel(queue);
  BufferView view{.all = held_, .held_back = held_back_};
  view.several = channels_.size() > (channel == nullptr ? 0 : 1);
  if (channel != nullptr) {
    view.own = channel->held;
    view.is_held_back = channel->held_back;
  }
  return buffer_.takes(view, bytes);
}

/// Returns: null when there is room now.
SharedError Sender::make_room(Lock& lock, Order& order, std::size_t bytes) {
  switch (options_.when_full) {
    case WhenFull::reject:
      break;
    case WhenFull::shed_oldest: {
      const Channel* channel = find_channel(order.queue);
      const bool held_back = channel != nullptr && channel->held_back;
      while (!has_room(order.queue, bytes) && shed_oldest(held_back)) {
      }
      if (has_room(order.queue, bytes)) return nullptr;
      break;
    }
    case WhenFull::shed_expired:
      drop_expired_buffered();
      [[fallthrough]];
    case WhenFull::block:
      if (wait_for_room(lock, order, bytes)) return nullptr;
      if (closing_) return make_error(ErrorCode::stopped, "the client is being closed");
      break;
  }
  return make_error(ErrorCode::buffer_full,
                    "the client holds " + std::to_string(held_.jobs) + " jobs and " +
                        std::to_string(held_.bytes) +
                        " bytes that Redis has not taken yet (buffer_jobs " +
                        std::to_string(options_.buffer_jobs) + ", buffer_bytes " +
                        std::to_string(options_.buffer_bytes) +
                        "): enqueue more slowly, or look why Redis or the workers are behind");
}

bool Sender::wait_for_room(Lock& lock, const Order& order, std::size_t bytes) {
  const auto deadline = order.now + options_.block_timeout;
  ++room_waiters_;
  wake();
  while (!has_room(order.queue, bytes) && !closing_ && Clock::now() < deadline) {
    if (options_.when_full == WhenFull::shed_expired) {
      room_.wait_until(lock, std::min(deadline, next_buffered_expiry()));
      drop_expired_buffered();
    } else {
      room_.wait_until(lock, deadline);
    }
  }
  --room_waiters_;
  return has_room(order.queue, bytes) && !closing_;
}

/// What is on the wire, or may be stored already, is no longer in our hands.
bool Sender::may_touch(const std::shared_ptr<Flight>& flight) {
  return !flight->on_wire && (flight->slot == nullptr || !flight->slot->sequence.may_be_stored());
}

/// What is held back makes room for its own kind only; all makes room for what is not.
bool Sender::shed_oldest(bool of_held_back) {
  Channel* where = nullptr;
  std::shared_ptr<Flight> oldest;
  for (Channel* channel : active_) {
    if (of_held_back && !channel->held_back) continue;
    const auto found = std::ranges::find_if(channel->flights,
                                            [&](const auto& flight) { return may_touch(flight); });
    if (found != channel->flights.end() &&
        (oldest == nullptr || (*found)->first_at < oldest->first_at)) {
      where = channel;
      oldest = *found;
    }
  }
  if (oldest == nullptr) return false;
  stats_.shed_jobs += oldest->cargo.jobs();
  fail(*where, oldest,
       make_error(ErrorCode::shed,
                  "dropped from the client's full buffer to make room for a newer job"));
  return true;
}

void Sender::drop_expired_buffered() {
  const std::uint64_t now_ms = now_us() / 1000;
  const auto channels = active_;
  for (Channel* channel : channels) {
    const auto flights = channel->flights;
    for (const auto& flight : flights) {
      if (!may_touch(flight)) continue;
      expire(*flight, flight->cargo.drop_expired(now_ms));
      if (flight->cargo.jobs() == 0) depart(*channel, flight, nullptr);
    }
  }
}

Clock::time_point Sender::next_buffered_expiry() const {
  std::uint64_t earliest_ms = std::numeric_limits<std::uint64_t>::max();
  for (const Channel* channel : active_) {
    for (const auto& flight : channel->flights) {
      if (!may_touch(flight)) continue;
      const std::uint64_t at = flight->cargo.earliest_expiry_ms();
      if (at != 0) earliest_ms = std::min(earliest_ms, at);
    }
  }
  if (earliest_ms == std::numeric_limits<std::uint64_t>::max()) return Clock::time_point::max();
  const std::uint64_t now_ms = now_us() / 1000;
  const std::uint64_t left = earliest_ms > now_ms ? earliest_ms - now_ms : 0;
  return Clock::now() + std::chrono::milliseconds{left};
}

}  // namespace ferry::detail
