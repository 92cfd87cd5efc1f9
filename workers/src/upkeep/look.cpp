#include "upkeep/look.hpp"

#include <algorithm>
#include <utility>

#include "functions/replies.hpp"
#include "many_queues.hpp"
#include "upkeep/queue_rounds.hpp"

namespace ferry::detail {
namespace {

/// A dead worker's jobs wait a lease, this and a turn of TakeOver.
constexpr std::chrono::milliseconds longest_period{500};
constexpr std::chrono::milliseconds longest_period_of_many{750};

}  // namespace

Look::Look(Leases& leases, ControlBoard& board, QueueHealth& health,
           std::chrono::milliseconds lease)
    : leases_(leases), board_(board), health_(health), lease_(lease) {}

Time Look::turn(redis::Connection& connection, Time now) {
  const std::uint64_t epoch = leases_.current_epoch();
  const std::string name = leases_.name(epoch);
  const std::string lease_ms = std::to_string(lease_.count());
  std::vector<std::uint32_t> kept;
  for (std::uint32_t queue = 0; queue < leases_.queues().size(); ++queue) {
    if (board_.keeps(queue)) kept.push_back(queue);
  }
  ask_queues(
      connection, kept, health_, QueueHealth::Activity::look,
      [&](std::uint32_t queue) {
        const Keys& keys = leases_.queues()[queue];
        connection.append({"FCALL", "ferry_v1_look", "4", keys.workers, keys.ready[0],
                           keys.ready[1], keys.ready[2], name, lease_ms});
      },
      [&](std::uint32_t queue, const redis::Reply& reply) {
        const std::string_view word = word_of(reply);
        if (word == "STALE") return leases_.lost(queue, epoch);
        if (word != "OK" || reply.size < 3) throw unknown_reply("ferry_v1_look", reply);
        board_.set_claimable(queue, holders_in(reply[2]),
                             static_cast<std::size_t>(bounded(reply[1], 0, largest_told_count)));
        // A stream that could not be looked at: the others were, yet somebody has to be told.
        if (reply.size > 3 && reply[3].size > 1) {
          throw Error(ErrorCode::internal, std::string(reply[3][1].text));
        }
      });
  const auto longest = are_many(leases_.queues().size()) ? longest_period_of_many : longest_period;
  return now + std::min(longest, lease_ / 2);
}

}  // namespace ferry::detail
