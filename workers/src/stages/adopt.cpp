#include "stages/adopt.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "redis/errors.hpp"

namespace ferry::detail {
namespace {

/// Jobs sent into the graph in one message: enough to make the message cheap, few enough to let
/// several threads decode.
constexpr std::size_t jobs_in_a_message = 512;

/// Bodies read in one write: as many as make a megabyte going by those before, one at first.
constexpr std::size_t most_bodies = 64;
constexpr std::size_t bytes_of_bodies = 1024 * 1024;

constexpr std::string_view page = "200";
constexpr std::size_t page_size = 200;

}  // namespace

Adopter::Adopter(const Leases& leases, InFlight& in_flight, QueueHealth& health, Metrics& metrics,
                 std::function<bool(std::vector<EnvelopePtr>, CallerMay)> arrive)
    : leases_(leases),
      in_flight_(in_flight),
      health_(health),
      metrics_(metrics),
      arrive_(std::move(arrive)) {}

bool Adopter::fill(LeasedEnvelope& envelope, const redis::Reply& entry,
                   const redis::ReplyPtr& owner, std::uint32_t queue, Priority priority,
                   std::uint64_t epoch) {
  if (entry.size < 2 || entry[1].size < 2) return false;
  const redis::Reply& fields = entry[1];
  const auto id = redis::StreamId::parse(entry[0].text);
  if (!id) return false;
  envelope.queue = queue;
  envelope.priority = priority;
  envelope.epoch = epoch;
  envelope.id = *id;
  envelope.owner = owner;
  envelope.set_bytes(fields[1].text);
  // A released envelope brings its progress along in a field of its own; later ones may follow.
  for (std::size_t i = 2; i + 1 < fields.size; i += 2) {
    if (fields[i].text == progress_field) envelope.progress = fields[i + 1].text;
  }
  envelope.suspect = envelope.progress.find_first_of("123456789") != std::string::npos;
  return true;
}

bool Adopter::send(std::vector<EnvelopePtr> envelopes, CallerMay may) {
  if (envelopes.empty()) return true;
  std::size_t jobs = 0;
  for (const EnvelopePtr& envelope : envelopes) jobs += envelope->count;
  metrics_.update([&](WorkerStats& stats) {
    stats.fetched_jobs += jobs;
    stats.fetched_envelopes += envelopes.size();
  });
  std::vector<EnvelopePtr> message;
  jobs = 0;
  for (EnvelopePtr& envelope : envelopes) {
    jobs += envelope->count;
    message.push_back(std::move(envelope));
    if (jobs >= jobs_in_a_message) {
      arrive_(std::exchange(message, {}), CallerMay::hand_over);
      jobs = 0;
    }
  }
  return message.empty() || arrive_(std::move(message), may);
}

void Adopter::add_claimed(std::vector<Claimed> claimed) {
  const std::lock_guard lock(claimed_mutex_);
  std::ranges::move(claimed, std::back_inserter(claimed_));
  in_flight_.set_claims_wait(!claimed_.empty());
}

std::size_t Adopter::claimed() const {
  const std::lock_guard lock(claimed_mutex_);
  return claimed_.size();
}

std::vector<Claimed> Adopter::take_claimed() {
  const std::lock_guard moving(moving_);
  const std::lock_guard lock(claimed_mutex_);
  std::vector<Claimed> all(std::move_iterator(claimed_.begin()),
                           std::move_iterator(claimed_.end()));
  claimed_.clear();
  for (auto& [at, entry] : std::exchange(resting_, {})) all.push_back(std::move(entry));
  in_flight_.set_claims_wait(false);
  return all;
}

std::vector<Claimed> Adopter::next_claimed(Time now) {
  const std::size_t bytes = std::min(bytes_of_bodies, in_flight_.free_bytes());
  const std::size_t most =
      bytes_each_ == 0 ? 1 : std::clamp<std::size_t>(bytes / bytes_each_, 1, most_bodies);
  const std::lock_guard lock(claimed_mutex_);
  std::erase_if(resting_, [&](std::pair<Time, Claimed>& entry) {
    if (now < entry.first) return false;
    claimed_.push_back(std::move(entry.second));
    return true;
  });
  const auto end = claimed_.begin() + static_cast<std::ptrdiff_t>(std::min(most, claimed_.size()));
  return {claimed_.begin(), end};
}

void Adopter::forget_claimed(std::size_t entries) {
  const std::lock_guard lock(claimed_mutex_);
  claimed_.erase(claimed_.begin(), claimed_.begin() + static_cast<std::ptrdiff_t>(entries));
  in_flight_.set_claims_wait(!claimed_.empty());
}

void Adopter::let_rest(const Claimed& entry) {
  const std::lock_guard lock(claimed_mutex_);
  resting_.emplace_back(std::chrono::steady_clock::now() + QueueHealth::rest, entry);
}

bool Adopter::read_claimed(redis::Connection& connection) {
  const std::lock_guard moving(moving_);
  while (in_flight_.any_free()) {
    const auto some = next_claimed(std::chrono::steady_clock::now());
    if (some.empty()) return false;
    adopt(connection, some);
    forget_claimed(some.size());
  }
  return claimed() > 0;
}

void Adopter::adopt(redis::Connection& connection, const std::vector<Claimed>& some) {
  const auto asks_marks = [](const Claimed& entry) { return !entry.has_marks; };
  connection.connect();
  for (const Claimed& entry : some) {
    const Keys& keys = leases_.queues()[entry.key.queue];
    const std::string id = entry.key.id.text();
    const auto priority = static_cast<std::size_t>(entry.key.priority);
    connection.append({"XRANGE", keys.ready[priority], id, id});
    if (!asks_marks(entry)) continue;
    connection.append({"HGET", keys.progress, std::to_string(priority) + ":" + id});
  }
  std::vector<EnvelopePtr> found;
  std::size_t bytes = 0;
  for (const Claimed& entry : some) {
    const auto stored = connection.read();
    const auto marks = asks_marks(entry) ? connection.read() : nullptr;
    const bool usable =
        health_.is_usable(stored->root(), entry.key.queue, QueueHealth::Activity::read) &&
        (marks == nullptr ||
         health_.is_usable(marks->root(), entry.key.queue, QueueHealth::Activity::marks));
    if (!usable) let_rest(entry);
    if (!usable || stored->root().size == 0) continue;
    auto envelope = std::make_shared<LeasedEnvelope>();
    if (!fill(*envelope, stored->root()[0], stored, entry.key.queue, entry.key.priority,
              entry.key.epoch)) {
      continue;
    }
    if (entry.has_marks && !entry.progress.empty()) envelope->progress = entry.progress;
    if (marks != nullptr) envelope->progress = marks->root().text;
    envelope->suspect = entry.suspect || envelope->suspect;
    bytes += envelope->bytes.size();
    found.push_back(std::move(envelope));
  }
  bytes_each_ = std::max<std::size_t>(1, bytes / std::max<std::size_t>(1, found.size()));
  send(in_flight_.add(std::move(found)), CallerMay::hand_over);
}

bool Adopter::take_wanted_recovery() {
  const bool again = std::chrono::steady_clock::now() >= again_at_;
  return wanted_.exchange(false) || again;
}

void Adopter::recover(redis::Connection& connection) {
  const std::lock_guard moving(moving_);
  const std::uint64_t epoch = leases_.current_epoch();
  std::vector<Stream> streams;
  for (std::uint32_t queue = 0; queue < leases_.queues().size(); ++queue) {
    for (std::size_t priority = 0; priority < priority_count; ++priority) {
      streams.push_back({queue, static_cast<Priority>(priority)});
    }
  }
  std::set<std::uint32_t> refused;
  while (!streams.empty()) recover_page(connection, streams, epoch, refused);
  for (std::uint32_t queue = 0; queue < leases_.queues().size(); ++queue) {
    if (!refused.contains(queue)) health_.works(queue, QueueHealth::Activity::recover);
  }
  again_at_ = refused.empty() ? Time::max() : std::chrono::steady_clock::now() + QueueHealth::rest;
}

/// Leaves those of the streams that have more.
void Adopter::recover_page(redis::Connection& connection, std::vector<Stream>& streams,
                           std::uint64_t epoch, std::set<std::uint32_t>& refused) {
  // Known before the look: what is settled while we look must not be taken for lost.
  std::unordered_set<LeaseKey, LeaseKeyHash> known;
  for (const EnvelopePtr& envelope : in_flight_.all()) known.insert(envelope->key());
  {
    const std::lock_guard lock(claimed_mutex_);
    for (const Claimed& entry : claimed_) known.insert(entry.key);
    for (const auto& [at, entry] : resting_) known.insert(entry.key);
  }
  const std::string name = leases_.name(epoch);
  connection.connect();
  for (const Stream& stream : streams) {
    const Keys& keys = leases_.queues()[stream.queue];
    connection.append({"XPENDING", keys.ready[static_cast<std::size_t>(stream.priority)],
                       group_name, stream.from, "+", page, name});
  }
  std::vector<redis::ReplyPtr> replies;
  for (std::size_t i = 0; i < streams.size(); ++i) replies.push_back(connection.read());
  std::vector<Stream> more;
  std::vector<Claimed> found;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const redis::Reply& pending = replies[i]->root();
    const bool no_group =
        pending.is_error() && redis::remedy_of(pending.text) == redis::Remedy::make_group;
    if (no_group) continue;
    if (health_.refuses(pending, streams[i].queue, QueueHealth::Activity::recover)) {
      refused.insert(streams[i].queue);
      continue;
    }
    for (const redis::Reply& entry : pending) {
      if (entry.size < 4) continue;
      const auto id = redis::StreamId::parse(entry[0].text);
      if (!id) continue;
      streams[i].from = "(" + std::string(entry[0].text);
      const LeaseKey key{streams[i].queue, streams[i].priority, epoch, *id};
      if (!known.contains(key)) found.push_back({key, entry[3].integer > 1});
    }
    if (pending.size >= page_size) more.push_back(streams[i]);
  }
  add_claimed(std::move(found));
  streams = std::move(more);
}

}  // namespace ferry::detail
