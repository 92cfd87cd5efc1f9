#include "upkeep/expire_producers.hpp"

#include "functions/replies.hpp"
#include "upkeep/queue_rounds.hpp"

namespace ferry::detail {
namespace {

using std::chrono::milliseconds;

/// Longer than any client waits for a reply: a producer is forgotten only when none of its calls
/// can be repeated any more.
constexpr milliseconds silent_for = std::chrono::hours{24};

constexpr std::chrono::minutes period{10};
/// Between two pages of a large round.
constexpr milliseconds between_pages{50};

}  // namespace

ExpireProducers::ExpireProducers(const Leases& leases, const ControlBoard& board,
                                 QueueHealth& health)
    : leases_(leases),
      board_(board),
      health_(health),
      next_round_(std::chrono::steady_clock::now() + period),
      cursors_(leases.queues().size()) {}

Time ExpireProducers::turn(redis::Connection& connection, Time now) {
  if (now >= next_round_) {
    next_round_ = now + period;
    for (std::uint32_t queue = 0; queue < cursors_.size(); ++queue) {
      cursors_[queue] = board_.keeps(queue) ? "0" : "";
    }
  }
  std::vector<std::uint32_t> queues;
  for (std::uint32_t queue = 0; queue < cursors_.size(); ++queue) {
    if (!cursors_[queue].empty()) queues.push_back(queue);
  }
  const std::string silent_ms = std::to_string(silent_for.count());
  ask_queues(
      connection, queues, health_, QueueHealth::Activity::producers,
      [&](std::uint32_t queue) {
        connection.append({"FCALL", "ferry_v1_expire_producers", "1",
                           leases_.queues()[queue].producers, cursors_[queue], silent_ms});
        cursors_[queue].clear();
      },
      [&](std::uint32_t queue, const redis::Reply& reply) {
        const std::string_view cursor = read_expire_reply(reply).cursor;
        if (cursor != "0") cursors_[queue] = cursor;
      });
  for (const std::string& cursor : cursors_) {
    if (!cursor.empty()) return now + between_pages;
  }
  return next_round_;
}

}  // namespace ferry::detail
