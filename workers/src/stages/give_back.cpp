#include "stages/give_back.hpp"

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "functions/keys.hpp"
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
redis::Words set_free(const Leases& leases, const Place& place,
                      const std::vector<redis::StreamId>& ids) {
  const auto& [queue, priority, epoch] = place;
  const Keys& keys = leases.queues()[queue];
  redis::Words words{"FCALL",
                     "ferry_v1_set_aside",
                     "2",
                     keys.workers,
                     keys.ready[static_cast<std::size_t>(priority)],
                     leases.name(epoch),
                     free_holder};
  for (const redis::StreamId& id : ids) {
    words.add(id);
    words.add("1");
  }
  return words;
}

}  // namespace

std::uint64_t give_back(redis::Connection& connection, const Leases& leases,
                        const std::vector<EnvelopePtr>& held, const std::vector<Claimed>& claimed) {
  std::uint64_t jobs = 0;
  std::vector<redis::Words> calls;
  std::map<Place, Group> groups;
  std::map<Place, std::vector<redis::StreamId>> free;
  const auto close = [&](const Place& place, Group& group) {
    if (!group.ids.empty()) calls.push_back(release(leases, place, std::exchange(group, {})));
  };
  for (const EnvelopePtr& envelope : held) {
    if (leases.is_lost(envelope->queue, envelope->epoch)) continue;
    jobs += envelope->marks.empty() ? envelope->count : envelope->open + envelope->pending;
    const Place place{envelope->queue, envelope->priority, envelope->epoch};
    if (envelope->bytes.size() > most_bytes) {
      free[place].push_back(envelope->id);
      continue;
    }
    Group& group = groups[place];
    if (group.ids.size() == most_entries || group.bytes + envelope->bytes.size() > most_bytes) {
      close(place, group);
    }
    group.ids.push_back(envelope->id);
    group.bytes += envelope->bytes.size();
  }
  for (auto& [place, group] : groups) close(place, group);
  for (const Claimed& entry : claimed) {
    if (leases.is_lost(entry.key.queue, entry.key.epoch)) continue;
    // Nobody would know any more that they were begun by a worker that died.
    if (entry.suspect) continue;
    ++jobs;
    free[{entry.key.queue, entry.key.priority, entry.key.epoch}].push_back(entry.key.id);
  }
  for (auto& [place, ids] : free) {
    for (std::size_t from = 0; from < ids.size(); from += most_entries) {
      const std::size_t to = std::min(ids.size(), from + most_entries);
      calls.push_back(set_free(leases, place,
                               {ids.begin() + static_cast<std::ptrdiff_t>(from),
                                ids.begin() + static_cast<std::ptrdiff_t>(to)}));
    }
  }
  if (calls.empty()) return 0;
  connection.connect();
  for (const redis::Words& call : calls) connection.append(call.views());
  for (std::size_t i = 0; i < calls.size(); ++i) connection.read();
  return jobs;
}

}  // namespace ferry::detail
