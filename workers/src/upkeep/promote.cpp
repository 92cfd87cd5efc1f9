#include <algorithm>

#include "functions/replies.hpp"
#include "upkeep/roles.hpp"

namespace ferry::detail {

Promoted promote(redis::Connection& connection, const Leases& leases) {
  Promoted promoted;
  for (const Keys& keys : leases.queues()) {
    while (true) {
      const auto reply =
          connection.call({"FCALL", "ferry_v1_promote", "6", keys.state, keys.due, keys.parked,
                           keys.ready[0], keys.ready[1], keys.ready[2], "500", "65536"});
      const auto [moved, next] = read_promote_reply(reply->root());
      promoted.jobs += moved;
      if (moved > 0 && next.count() == 0) continue;  // more is due already
      if (next.count() >= 0) {
        promoted.next_due =
            promoted.next_due.count() < 0 ? next : std::min(promoted.next_due, next);
      }
      break;
    }
  }
  return promoted;
}

}  // namespace ferry::detail
