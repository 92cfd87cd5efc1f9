#include "leases.hpp"

#include <algorithm>
#include <random>

#include "functions/refusal.hpp"
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

std::vector<std::string_view> fcall(std::string_view function, std::string_view key_count) {
  return {"FCALL", function, key_count};
}

void add_streams(std::vector<std::string_view>& call, const Keys& keys) {
  call.insert(call.end(), keys.ready.begin(), keys.ready.end());
}

LeaseReply checked(std::string_view function, const redis::Reply& reply) {
  if (reply.is_error()) throw refusal_of(function, reply.text);
  return read_lease_reply(function, reply);
}

}  // namespace

Leases::Leases(std::string base_name, std::vector<Keys> queues)
    : base_name_(std::move(base_name)), queues_(std::move(queues)) {
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

void Leases::forget_registration() {
  const std::lock_guard lock(mutex_);
  for (auto& standing : epochs_.back().standing) {
    if (standing == Standing::registered) standing = Standing::unregistered;
  }
}

void Leases::register_missing(redis::Connection& connection) {
  std::uint64_t number = 0;
  std::string name;
  std::vector<std::size_t> missing;
  {
    const std::lock_guard lock(mutex_);
    const Epoch& current = epochs_.back();
    number = current.number;
    name = current.name;
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      if (current.standing[i] == Standing::unregistered) missing.push_back(i);
    }
  }
  for (const std::size_t i : missing) {
    auto call = fcall("ferry_v1_register", "5");
    call.insert(call.end(), {queues_[i].control, queues_[i].workers});
    add_streams(call, queues_[i]);
    call.push_back(name);
    checked("ferry_v1_register", connection.command(call)->root());
    const std::lock_guard lock(mutex_);
    Epoch* epoch = find(number);
    if (epoch != nullptr && epoch->standing[i] == Standing::unregistered) {
      epoch->standing[i] = Standing::registered;
    }
  }
}

std::vector<bool> Leases::renew(redis::Connection& connection) {
  struct Beat {
    std::uint32_t queue;
    std::uint64_t epoch;
    std::string name;
  };
  std::vector<Beat> beats;
  {
    const std::lock_guard lock(mutex_);
    for (const Epoch& epoch : epochs_) {
      for (std::uint32_t i = 0; i < queues_.size(); ++i) {
        if (epoch.standing[i] == Standing::registered)
          beats.push_back({i, epoch.number, epoch.name});
      }
    }
  }
  connection.connect();
  for (const Beat& beat : beats) {
    auto call = fcall("ferry_v1_renew", "2");
    call.insert(call.end(), {queues_[beat.queue].control, queues_[beat.queue].workers, beat.name});
    connection.append(call);
  }
  std::vector<redis::ReplyPtr> replies;
  for (std::size_t i = 0; i < beats.size(); ++i) replies.push_back(connection.read());
  std::vector<bool> paused(queues_.size(), false);
  for (std::size_t i = 0; i < beats.size(); ++i) {
    const LeaseReply renewed = checked("ferry_v1_renew", replies[i]->root());
    if (renewed.stale) {
      lost(beats[i].queue, beats[i].epoch);
    } else {
      paused[beats[i].queue] = renewed.paused;
    }
  }
  return paused;
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
  for (const Epoch& epoch : leaving) {
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      if (epoch.standing[i] != Standing::registered) continue;
      auto call = fcall("ferry_v1_leave", "5");
      call.insert(call.end(), {queues_[i].control, queues_[i].workers});
      add_streams(call, queues_[i]);
      call.push_back(epoch.name);
      try {
        connection.command(call);
      } catch (const Error&) {
        return;  // the lease runs out by itself
      }
    }
  }
}

}  // namespace ferry::detail
