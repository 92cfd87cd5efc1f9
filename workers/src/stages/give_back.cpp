#include "stages/give_back.hpp"

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "functions/keys.hpp"
#include "functions/replies.hpp"
#include "redis/words.hpp"

namespace ferry::detail {
namespace {

/// Calls for entries of one stream, under one of this worker's names.
using Place = std::tuple<std::uint32_t, Priority, std::uint64_t>;

constexpr std::size_t most_entries = 100;
/// Bytes of bodies that Redis copies in one call.
constexpr std::size_t most_bytes = 1024 * 1024;

struct Group {
  std::vector<redis::StreamId> ids;
  std::size_t bytes = 0;
  std::uint64_t jobs = 0;
};

redis::Words release(const Leases& leases, const Place& place, const Group& group) {
  const auto& [queue, priority, epoch] = place;
  const Keys& keys = leases.queues()[queue];
  redis::Words words{"FCALL",
                     "ferry_v1_release",
                     "4",
                     keys.state,
                     keys.workers,
                     keys.progress,
                     keys.ready[static_cast<std::size_t>(priority)],
                     leases.name(epoch)};
  for (const redis::StreamId& id : group.ids) words.add(id);
  return words;
}

/// Without copying anything: for large bodies, and those that nobody read.
redis::Words set_free(const Leases& leases, const Place& place, const Group& group) {
  const auto& [queue, priority, epoch] = place;
  const Keys& keys = leases.queues()[queue];
  redis::Words words{"FCALL",
                     "ferry_v1_set_aside",
                     "2",
                     keys.workers,
                     keys.ready[static_cast<std::size_t>(priority)],
                     leases.name(epoch),
                     free_holder};
  for (const redis::StreamId& id : group.ids) {
    words.add(id);
    words.add("1");
  }
  return words;
}

/// Calls that are written together, of bounded size each.
class Calls {
 public:
  using Words = redis::Words (*)(const Leases&, const Place&, const Group&);

  explicit Calls(const Leases& leases) : leases_(leases) {}

  void add(std::map<Place, Group>& groups, Words words, const Place& place,
           const redis::StreamId& id, std::size_t bytes, std::uint64_t jobs) {
    Group& group = groups[place];
    if (group.ids.size() == most_entries || group.bytes + bytes > most_bytes) {
      close(place, group, words);
    }
    group.ids.push_back(id);
    group.bytes += bytes;
    group.jobs += jobs;
  }

  void close(const Place& place, Group& group, Words words) {
    if (group.ids.empty()) return;
    calls_.push_back({words(leases_, place, group), group.jobs});
    group = {};
  }

  /// Returns: jobs that are not this worker's any more.
  std::uint64_t make(redis::Connection& connection) const {
    if (calls_.empty()) return 0;
    connection.connect();
    for (const Call& call : calls_) connection.append(call.words.views());
    std::uint64_t jobs = 0;
    for (const Call& call : calls_) {
      const auto word = read_settle_word(connection.read()->root());
      if (word == SettleWord::ok) jobs += call.jobs;
    }
    return jobs;
  }

 private:
  struct Call {
    redis::Words words;
    std::uint64_t jobs = 0;
  };

  const Leases& leases_;
  std::vector<Call> calls_;
};

}  // namespace

std::uint64_t give_back(redis::Connection& connection, const Leases& leases,
                        const std::vector<EnvelopePtr>& held, const std::vector<Claimed>& claimed) {
  Calls calls(leases);
  std::map<Place, Group> copied;
  std::map<Place, Group> free;
  for (const EnvelopePtr& envelope : held) {
    if (leases.is_lost(envelope->queue, envelope->epoch)) continue;
    const std::uint64_t jobs =
        envelope->marks.empty() ? envelope->count : envelope->open + envelope->pending;
    const Place place{envelope->queue, envelope->priority, envelope->epoch};
    if (envelope->bytes.size() > most_bytes) {
      calls.add(free, set_free, place, envelope->id, 0, jobs);
    } else {
      calls.add(copied, release, place, envelope->id, envelope->bytes.size(), jobs);
    }
  }
  for (const Claimed& entry : claimed) {
    if (leases.is_lost(entry.key.queue, entry.key.epoch)) continue;
    // Nobody would know any more that they were begun by a worker that died.
    if (entry.suspect) continue;
    const Place place{entry.key.queue, entry.key.priority, entry.key.epoch};
    calls.add(free, set_free, place, entry.key.id, 0, 1);
  }
  for (auto& [place, group] : copied) calls.close(place, group, release);
  for (auto& [place, group] : free) calls.close(place, group, set_free);
  return calls.make(connection);
}

}  // namespace ferry::detail
