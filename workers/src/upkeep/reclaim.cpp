#include <algorithm>

#include "functions/keys.hpp"
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
    const redis::Reply& root = reply->root();
    if (root.size > 0 && root[0].text == "STALE") continue;  // not registered yet, or struck off
    std::vector<EnvelopePtr> found;
    for (std::size_t i = 1; i < root.size; ++i) {
      // {index of the stream in KEYS, entry id, envelope, progress, the worker that held it}
      const auto id = redis::StreamId::parse(root[i][1].text);
      if (!id) continue;
      auto envelope = std::make_shared<LeasedEnvelope>();
      envelope->queue = queue;
      envelope->priority = static_cast<Priority>(root[i][0].integer - 4);
      envelope->epoch = epoch;
      envelope->id = *id;
      envelope->owner = reply;
      envelope->set_bytes(root[i][2].text);
      envelope->progress = root[i][3].text;
      // What an older worker could not read was never begun by it.
      const bool put_off = root[i].size > 4 && root[i][4].text == newer_holder;
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
