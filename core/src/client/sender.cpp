#include "client/sender.hpp"

#include <algorithm>
#include <utility>

#include "functions/keys.hpp"

namespace ferry::detail {
namespace {

/// Queues served in one round: bounds how long a reply can keep the others waiting.
constexpr std::size_t max_legs = 32;

const ClientOptions& validated(const ClientOptions& options) {
  options.validate();
  return options;
}

}  // namespace

CargoLimits Sender::cargo_limits_of(const ClientOptions& options) {
  CargoLimits limits;
  limits.max_jobs_per_envelope = options.max_jobs_per_envelope;
  limits.max_bytes_per_envelope = options.max_bytes_per_envelope;
  // Sealed bytes are as good as random.
  limits.compress_from_bytes = options.payload_keys_file.empty() ? options.compress_from_bytes : 0;
  if (options.when_full == WhenFull::shed_oldest) {
    // Flights are shed whole: small ones, so that little more goes than must.
    limits.max_jobs = std::clamp<std::size_t>(options.buffer_jobs / 16, 1, limits.max_jobs);
    limits.max_bytes = std::min(limits.max_bytes, options.buffer_bytes / 16);
  }
  return limits;
}

/// A command that takes longer than a caller may wait helps nobody.
RedisOptions Sender::redis_options_of(const ClientOptions& options) {
  RedisOptions redis = options.redis;
  if (options.block_timeout.count() > 0) {
    redis.connect_timeout = std::min(redis.connect_timeout, options.block_timeout);
    redis.command_timeout = std::min(redis.command_timeout, options.block_timeout);
  }
  return redis;
}

/// Nobody else is served on the connection while replicas or the disk are asked.
std::chrono::milliseconds Sender::confirmation_time_of(const ClientOptions& options) {
  if (options.durability == Durability::fast()) return std::chrono::milliseconds{0};
  return redis_options_of(options).command_timeout;
}

Sender::Sender(ClientOptions options)
    : options_(validated(options)),
      sealer_(options_.payload_keys_file),
      cargo_limits_(cargo_limits_of(options_)),
      buffer_({options_.buffer_jobs, options_.buffer_bytes}),
      connection_(redis_options_of(options_), confirmation_time_of(options_)),
      confirmation_(options_.durability, confirmation_time_of(options_)),
      queues_key_(queues_key(options_.redis.prefix)),
      thread_([this] { serve(); }) {}

Sender::~Sender() {
  const auto until = Clock::now() + options_.block_timeout;
  std::vector<std::shared_ptr<Flight>> flights;
  {
    const Lock lock(mutex_);
    closing_ = true;
    flights = hurry_all();
    room_.notify_all();
  }
  for (const auto& flight : flights) {
    if (!flight->wait_settled_until(until)) break;
  }
  {
    const Lock lock(mutex_);
    stop_ = true;
    work_.notify_all();
  }
  connection_.interrupt();
  thread_.join();
  Lock lock(mutex_);
  while (!active_.empty()) {
    Channel& channel = *active_.back();
    const auto flight = channel.flights.front();
    const std::string last =
        flight->last_error != nullptr ? std::string(": ") + flight->last_error->what() : "";
    fail(channel, flight,
         std::make_shared<const Error>(
             ErrorCode::stopped, "the client was closed before Redis had taken the job" + last));
  }
  tell(lock, true);
}

void Sender::set_active(Channel& channel) {
  if (channel.place != Channel::idle) return;
  channel.place = active_.size();
  active_.push_back(&channel);
}

void Sender::set_idle(Channel& channel) {
  active_.back()->place = channel.place;
  active_[channel.place] = active_.back();
  active_.pop_back();
  channel.place = Channel::idle;
}

void Sender::wake() {
  if (busy_) return;
  leader_waits_ = 1;
  work_.notify_one();
}

void Sender::leader_has_lock() {
  if (leader_waits_.exchange(0) != 0) leader_waits_.notify_all();
}

/// A mutex is not fair: a thread that hands over piece after piece holds it nearly all the time and
/// takes it again before another one has woken up, and nothing is sent meanwhile.
void Sender::let_leader_go_first() const { leader_waits_.wait(1); }

/// Returns: null while nothing may leave before a reply has come. Flights that have a slot stand
/// before those that have none.
const std::shared_ptr<Flight>* Sender::next_to_leave(const Channel& channel) {
  std::size_t under_way = 0;
  for (const auto& flight : channel.flights) {
    if (flight->on_wire) {
      ++under_way;
      continue;
    }
    // A small one gains more by the company that comes until the next reply.
    const bool worth_it = under_way == 0 || flight->slot != nullptr ||
                          (under_way < channel.slots.size() && flight->cargo.large());
    return worth_it ? &flight : nullptr;
  }
  return nullptr;
}

/// Returns: when something of this channel can leave; `max` = not before a reply or a new job.
Clock::time_point Sender::wake_time(const Channel& channel) const {
  const auto* next = next_to_leave(channel);
  if (next == nullptr) return Clock::time_point::max();
  const Flight& flight = **next;
  auto at = std::max(channel.blocked_until, reconnect_at_);
  if (options_.linger.count() > 0 && !flight.hurry && *next == channel.flights.back()) {
    at = std::max(at, flight.first_at + options_.linger);
  }
  return std::min(at, flight.deadline);
}

void Sender::pick(Clock::time_point now) {
  const std::size_t first = first_channel_++;
  for (std::size_t i = 0; i < active_.size() && legs_.size() < max_legs; ++i) {
    Channel& channel = *active_[(first + i) % active_.size()];
    while (is_ready(channel, now)) {
      Leg& leg = legs_.emplace_back();
      leg.channel = &channel;
      leg.flight = *next_to_leave(channel);
      leg.flight->on_wire = true;
      if (leg.flight->slot != nullptr) continue;
      leg.flight->slot = std::ranges::find(channel.slots, nullptr, &Slot::flight);
      leg.flight->slot->flight = leg.flight.get();
    }
  }
}

void Sender::lead_round(Lock& lock) {
  pick(Clock::now());
  if (legs_.empty()) return;
  lock.unlock();
  const std::size_t decided = travel();
  report_losses();
  const redis::Meter meter = connection_.meter();
  leader_waits_ = 1;
  lock.lock();
  leader_has_lock();
  count_losses();
  SharedError away;
  bool lost = false;
  for (std::size_t i = 0; i < decided; ++i) {
    Leg& leg = legs_.front();
    if (leg.fate == Leg::Fate::away) away = leg.error;
    lost = lost || leg.fate == Leg::Fate::lost;
    apply(leg);
    legs_.pop_front();
  }
  if (away != nullptr) failures_.away(away->what(), options_.block_timeout, Clock::now());
  if (away != nullptr || lost) {
    reconnect_at_ = Clock::now() + reconnects_.next();
  } else {
    failures_.reached();
    reconnects_.reset();
  }
  stats_.redis_commands = meter.commands;
  stats_.round_trips = meter.round_trips;
  stats_.bytes_out = meter.bytes_out;
  stats_.bytes_in = meter.bytes_in;
  stats_.reconnects = meter.connects > 0 ? meter.connects - 1 : 0;
}

/// After a caller's round: one that waits for the next reply or for the next flight goes on, else
/// the sending thread.
void Sender::hand_over() {
  busy_ = false;
  const auto offer = [this](Flight& flight) {
    if (flight.sync_waiters == 0) return false;
    busy_ = true;
    flight.offer_lead();
    return true;
  };
  if (!legs_.empty()) {
    if (!offer(*legs_.front().flight)) work_.notify_one();
    return;
  }
  const auto now = Clock::now();
  for (Channel* channel : active_) {
    if (is_ready(*channel, now) && offer(**next_to_leave(*channel))) return;
  }
  if (!active_.empty() || stop_) work_.notify_one();
}

void Sender::serve() {
  Lock lock(mutex_);
  while (!stop_) {
    leader_has_lock();
    auto next = Clock::time_point::max();
    if (!busy_) {
      for (const Channel* channel : active_) next = std::min(next, wake_time(*channel));
      if (!legs_.empty() || next <= Clock::now()) {
        busy_ = true;
        lead_round(lock);
        busy_ = false;
        if (failures_.has_news()) tell(lock);
        continue;
      }
    }
    if (failures_.line_due() <= Clock::now() && !telling_) {
      tell(lock);
      continue;
    }
    next = std::min(next, failures_.line_due());
    if (next == Clock::time_point::max()) {
      work_.wait(lock);
    } else {
      work_.wait_until(lock, next);
    }
  }
}

void Sender::await(Flight& flight) {
  if (flight.settled()) return;
  Lock lock(mutex_);
  if (!flight.settled()) await_locked(lock, flight);
}

void Sender::await_locked(Lock& lock, Flight& flight) {
  ++flight.sync_waiters;
  if (!busy_ && is_ready(*flight.channel, Clock::now()) &&
      next_to_leave(*flight.channel)->get() == &flight) {
    busy_ = true;
    lead_round(lock);
    hand_over();
    if (failures_.has_news()) tell(lock);
  } else {
    wake();
  }
  while (!flight.settled()) {
    lock.unlock();
    if (flight.wait_turn() == Flight::Turn::settled) return;
    lock.lock();  // the lead is ours: `busy_` has stayed true
    lead_round(lock);
    hand_over();
    if (failures_.has_news()) tell(lock);
  }
}

std::vector<std::shared_ptr<Flight>> Sender::hurry_all() {
  std::vector<std::shared_ptr<Flight>> flights;
  for (const Channel* channel : active_) {
    for (const auto& flight : channel->flights) {
      flight->hurry = true;
      flights.push_back(flight);
    }
  }
  wake();
  return flights;
}

void Sender::flush() {
  require_usable();
  const auto until = Clock::now() + options_.block_timeout;
  std::vector<std::shared_ptr<Flight>> flights;
  {
    const Lock lock(mutex_);
    flights = hurry_all();
  }
  for (const auto& flight : flights) {
    if (!flight->wait_settled_until(until)) {
      throw Error(ErrorCode::unavailable,
                  "flush: Redis has not taken all jobs within block_timeout (" +
                      std::to_string(options_.block_timeout.count()) +
                      " ms); the receipts tell what became of each");
    }
  }
}

ClientStats Sender::stats() const {
  require_home();
  const Lock lock(mutex_);
  return stats_;
}

QueueHint Sender::hint(std::string_view queue) const {
  require_home();
  const Lock lock(mutex_);
  const auto found = channels_.find(queue.empty() ? std::string_view(options_.queue) : queue);
  return found == channels_.end() ? QueueHint{} : found->second->hint;
}

}  // namespace ferry::detail
