#include "stages/adopt.hpp"

#include <unordered_set>
#include <utility>

#include "redis/errors.hpp"

namespace ferry::detail {
namespace {

/// Jobs sent into the graph in one message: enough to make the message cheap, few enough to let
/// several threads decode.
constexpr std::size_t jobs_in_a_message = 512;

constexpr std::string_view page = "200";

void check(const redis::Reply& reply) {
  if (reply.is_error()) throw redis::error_of(reply.text);
}

}  // namespace

Adopter::Adopter(const Leases& leases, InFlight& in_flight, Metrics& metrics,
                 std::function<bool(std::vector<EnvelopePtr>, CallerMay)> arrive)
    : leases_(leases), in_flight_(in_flight), metrics_(metrics), arrive_(std::move(arrive)) {}

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

void Adopter::adopt(std::vector<EnvelopePtr> envelopes) {
  send(in_flight_.add(std::move(envelopes)), CallerMay::hand_over);
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

void Adopter::recover(redis::Connection& connection) {
  const std::lock_guard lock(moving_);
  const std::uint64_t epoch = leases_.current_epoch();
  for (std::uint32_t queue = 0; queue < leases_.queues().size(); ++queue) {
    for (std::size_t priority = 0; priority < priority_count; ++priority) {
      recover_stream(connection, queue, static_cast<Priority>(priority), epoch);
    }
  }
}

void Adopter::recover_stream(redis::Connection& connection, std::uint32_t queue, Priority priority,
                             std::uint64_t epoch) {
  const Keys& keys = leases_.queues()[queue];
  const std::string& stream = keys.ready[static_cast<std::size_t>(priority)];
  const std::string name = leases_.name(epoch);
  std::string from = "-";
  while (true) {
    // Known before the look: what is settled while we look must not be taken for lost.
    const auto held = in_flight_.all();
    std::unordered_set<LeaseKey, LeaseKeyHash> known;
    for (const EnvelopePtr& envelope : held) known.insert(envelope->key());
    const auto pending =
        connection.command({"XPENDING", stream, group_name, from, "+", page, name});
    if (pending->root().is_error() &&
        redis::remedy_of(pending->root().text) == redis::Remedy::make_group) {
      return;
    }
    check(pending->root());
    std::vector<EnvelopePtr> found;
    for (const redis::Reply& entry : pending->root()) {
      const std::string_view text = entry[0].text;
      from = "(" + std::string(text);
      const auto id = redis::StreamId::parse(text);
      if (id && known.contains({queue, priority, epoch, *id})) continue;
      const auto stored = connection.call({"XRANGE", stream, text, text});
      if (stored->root().size == 0) continue;
      const auto envelope = std::make_shared<LeasedEnvelope>();
      if (!fill(*envelope, stored->root()[0], stored, queue, priority, epoch)) continue;
      if (entry[3].integer > 1) {
        envelope->suspect = true;
        const auto progress = connection.call({"HGET", keys.progress, envelope->progress_field()});
        envelope->progress = progress->root().text;
      }
      found.push_back(envelope);
    }
    adopt(std::move(found));
    if (pending->root().size == 0) return;
  }
}

}  // namespace ferry::detail
