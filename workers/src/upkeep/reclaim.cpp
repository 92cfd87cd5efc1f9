#include <algorithm>

#include "functions/keys.hpp"
#include "functions/replies.hpp"
#include "redis/errors.hpp"
#include "upkeep/roles.hpp"

namespace ferry::detail {

std::size_t reclaim(redis::Connection& connection, Leases& leases, Adopter& adopter,
                    std::chrono::milliseconds lease, std::size_t envelopes) {
  std::size_t taken = 0;
  std::size_t taken_over = 0;
  const std::uint64_t epoch = leases.current_epoch();
  const std::string name = leases.name(epoch);
  const std::string lease_ms = std::to_string(lease.count());
  for (std::uint32_t queue = 0; queue < leases.queues().size() && taken < envelopes; ++queue) {
    const Keys& keys = leases.queues()[queue];
    const std::string most = std::to_string(std::min<std::size_t>(envelopes - taken, 200));
    const std::lock_guard moving(adopter.moving());
    const auto reply =
        connection.call({"FCALL", "ferry_v1_reclaim", "6", keys.state, keys.workers, keys.progress,
                         keys.ready[0], keys.ready[1], keys.ready[2], name, lease_ms, most});
    const ReclaimReply reclaimed = read_reclaim_reply(reply->root());
    if (reclaimed.stale) continue;  // not registered yet, or struck off
    std::vector<EnvelopePtr> found;
    for (const ReclaimedEntry& entry : reclaimed.entries) {
      const auto id = redis::StreamId::parse(entry.id);
      if (!id) continue;
      auto envelope = std::make_shared<LeasedEnvelope>();
      envelope->queue = queue;
      envelope->priority = static_cast<Priority>(entry.priority);
      envelope->epoch = epoch;
      envelope->id = *id;
      envelope->owner = reply;
      envelope->set_bytes(entry.envelope);
      envelope->progress = entry.progress;
      // What a worker could not take was never begun by it.
      const bool put_off = is_waiting_place(entry.holder);
      envelope->suspect =
          !put_off || envelope->progress.find_first_of("123456789") != std::string::npos;
      if (!put_off) ++taken_over;
      found.push_back(std::move(envelope));
    }
    taken += found.size();
    adopter.adopt(std::move(found));
  }
  return taken_over;
}

}  // namespace ferry::detail
