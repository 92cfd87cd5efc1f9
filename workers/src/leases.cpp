#include "leases.hpp"

#include <algorithm>
#include <random>

#include "ferry/error.hpp"
#include "functions/replies.hpp"

namespace ferry::detail {
namespace {

std::string random_suffix() {
  static constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
  std::random_device random;
  std::string suffix;
  for (int i = 0; i < 8; ++i) suffix += digits[random() % digits.size()];
  return suffix;
}

using Clock = std::chrono::steady_clock;

std::vector<std::string_view> fcall(std::string_view function, std::string_view key_count) {
  return {"FCALL", function, key_count};
}

void add_streams(std::vector<std::string_view>& call, const Keys& keys) {
  call.insert(call.end(), keys.ready.begin(), keys.ready.end());
}

/// All replies to what was appended, also when one of them is an error.
std::vector<redis::ReplyPtr> read_all(redis::Connection& connection, std::size_t replies) {
  std::vector<redis::ReplyPtr> all;
  all.reserve(replies);
  for (std::size_t i = 0; i < replies; ++i) all.push_back(connection.read());
  return all;
}

/// Returns: nothing when the worker was struck off.
std::optional<Control> control_of(const redis::Reply& reply) {
  const LeaseReply lease = read_lease_reply("ferry_v1_beat", reply);
  if (lease.stale) return std::nullopt;
  Control control;
  control.answered = true;
  control.paused = lease.paused;
  if (reply.size > 4) control.keeper = reply[4].integer != 0;
  if (reply.size > 5) {
    control.server_ms = static_cast<std::uint64_t>(bounded(reply[5], 0, longest_told_time.count()));
  }
  if (reply.size > 6) {
    control.workers_alive = static_cast<std::size_t>(bounded(reply[6], 0, largest_told_count));
  }
  if (reply.size > 7) control.claimable = holders_in(reply[7]);
  return control;
}

}  // namespace

Leases::Leases(std::string base_name, std::vector<Keys> queues)
    : base_name_(std::move(base_name)),
      queues_(std::move(queues)),
      next_try_(queues_.size(), Time::min()) {
  new_epoch();
}

void Leases::new_epoch() {
  const std::uint64_t number = epochs_.empty() ? 1 : epochs_.back().number + 1;
  epochs_.push_back({number, base_name_ + "." + random_suffix(),
                     std::vector<Standing>(queues_.size(), Standing::unregistered)});
}

Leases::Epoch* Leases::find(std::uint64_t epoch) {
  const auto at = std::ranges::find(epochs_, epoch, &Epoch::number);
  return at == epochs_.end() ? nullptr : &*at;
}

const Leases::Epoch* Leases::find(std::uint64_t epoch) const {
  const auto at = std::ranges::find(epochs_, epoch, &Epoch::number);
  return at == epochs_.end() ? nullptr : &*at;
}

std::uint64_t Leases::current_epoch() const {
  const std::lock_guard lock(mutex_);
  return epochs_.back().number;
}

std::string Leases::name(std::uint64_t epoch) const {
  const std::lock_guard lock(mutex_);
  const Epoch* found = find(epoch);
  return found == nullptr ? std::string{} : found->name;
}

bool Leases::is_lost(std::uint32_t queue, std::uint64_t epoch) const {
  const std::lock_guard lock(mutex_);
  const Epoch* found = find(epoch);
  return found == nullptr || found->standing[queue] == Standing::lost;
}

void Leases::lost(std::uint32_t queue, std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  Epoch* found = find(epoch);
  if (found == nullptr) return;
  found->standing[queue] = Standing::lost;
  if (found->number == epochs_.back().number) new_epoch();
}

void Leases::forget_registration(std::uint32_t queue) {
  const std::lock_guard lock(mutex_);
  Standing& standing = epochs_.back().standing[queue];
  if (standing == Standing::registered) standing = Standing::unregistered;
  next_try_[queue] = Time::min();
}

bool Leases::is_registered(std::uint32_t queue) const {
  const std::lock_guard lock(mutex_);
  return epochs_.back().standing[queue] == Standing::registered;
}

bool Leases::has_old_names() const {
  const std::lock_guard lock(mutex_);
  return epochs_.size() > 1;
}

void Leases::register_missing(redis::Connection& connection, QueueHealth& health) {
  const auto now = Clock::now();
  std::uint64_t number = 0;
  std::string name;
  std::vector<std::uint32_t> missing;
  {
    const std::lock_guard lock(mutex_);
    const Epoch& current = epochs_.back();
    number = current.number;
    name = current.name;
    for (std::uint32_t i = 0; i < queues_.size(); ++i) {
      const bool tries = current.standing[i] == Standing::unregistered && now >= next_try_[i];
      if (!tries) continue;
      missing.push_back(i);
      next_try_[i] = now + QueueHealth::rest;
    }
  }
  if (missing.empty()) return;
  connection.connect();
  for (const std::uint32_t i : missing) {
    auto call = fcall("ferry_v1_register", "5");
    call.insert(call.end(), {queues_[i].control, queues_[i].workers});
    add_streams(call, queues_[i]);
    call.push_back(name);
    connection.append(call);
  }
  const auto replies = read_all(connection, missing.size());
  for (std::size_t i = 0; i < missing.size(); ++i) {
    const std::uint32_t queue = missing[i];
    if (!health.is_usable(replies[i]->root(), queue, QueueHealth::Activity::registration,
                          [&] { read_lease_reply("ferry_v1_register", replies[i]->root()); })) {
      continue;
    }
    const std::lock_guard lock(mutex_);
    next_try_[queue] = Time::min();
    Epoch* epoch = find(number);
    if (epoch != nullptr && epoch->standing[queue] == Standing::unregistered) {
      epoch->standing[queue] = Standing::registered;
    }
  }
}

std::vector<Leases::Beat> Leases::beats(const std::vector<bool>& due) const {
  std::vector<Beat> beats;
  const std::lock_guard lock(mutex_);
  for (const Epoch& epoch : epochs_) {
    const bool current = epoch.number == epochs_.back().number;
    for (std::uint32_t i = 0; i < queues_.size(); ++i) {
      if (epoch.standing[i] != Standing::registered || (current && !due[i])) continue;
      beats.push_back({i, epoch.number, epoch.name, current});
    }
  }
  return beats;
}

std::vector<Control> Leases::beat(redis::Connection& connection, std::chrono::milliseconds lease,
                                  bool keeps, QueueHealth& health, const std::vector<bool>& due) {
  const std::vector<Beat> all = beats(due);
  const std::string lease_ms = std::to_string(lease.count());
  connection.connect();
  for (const Beat& beat : all) {
    auto call = fcall("ferry_v1_beat", "2");
    call.insert(call.end(), {queues_[beat.queue].control, queues_[beat.queue].workers, beat.name,
                             lease_ms, keeps && beat.current ? "1" : "0"});
    connection.append(call);
  }
  const auto replies = read_all(connection, all.size());
  std::vector<Control> controls(queues_.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const redis::Reply& reply = replies[i]->root();
    health.is_usable(reply, all[i].queue, QueueHealth::Activity::beat, [&] {
      auto control = control_of(reply);
      if (!control) {
        lost(all[i].queue, all[i].epoch);
      } else if (all[i].current || !controls[all[i].queue].answered) {
        controls[all[i].queue] = std::move(*control);
      }
    });
  }
  return controls;
}

void Leases::leave(redis::Connection& connection) { retire_before(UINT64_MAX, connection); }

void Leases::retire_before(std::uint64_t oldest_in_use, redis::Connection& connection) {
  std::vector<Epoch> leaving;
  {
    const std::lock_guard lock(mutex_);
    const bool everything = oldest_in_use == UINT64_MAX;
    std::erase_if(epochs_, [&](const Epoch& epoch) {
      const bool goes =
          epoch.number < oldest_in_use && (everything || epoch.number != epochs_.back().number);
      if (goes) leaving.push_back(epoch);
      return goes && !everything;
    });
  }
  std::size_t calls = 0;
  for (const Epoch& epoch : leaving) {
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      if (epoch.standing[i] != Standing::registered) continue;
      auto call = fcall("ferry_v1_leave", "5");
      call.insert(call.end(), {queues_[i].control, queues_[i].workers});
      add_streams(call, queues_[i]);
      call.push_back(epoch.name);
      connection.append(call);
      ++calls;
    }
  }
  try {
    read_all(connection, calls);
  } catch (const Error&) {
    // the lease runs out by itself
  }
}

}  // namespace ferry::detail
