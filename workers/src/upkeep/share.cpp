#include "upkeep/share.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "functions/keys.hpp"

namespace ferry::detail {
namespace {

/// How long jobs may wait here beside idle workers before that is noticed.
constexpr std::chrono::milliseconds period{50};

/// Returns: whether a stream's group has delivered all entries, by `XINFO GROUPS`.
bool is_all_delivered(const redis::Reply& groups) {
  for (const redis::Reply& group : groups) {
    bool ours = false;
    const redis::Reply* lag = nullptr;
    for (std::size_t i = 0; i + 1 < group.size; i += 2) {
      if (group[i].text == "name") ours = group[i + 1].text == group_name;
      if (group[i].text == "lag") lag = &group[i + 1];
    }
    // It is nil when entries ahead of the group were deleted: then nobody knows.
    if (ours) return lag != nullptr && !lag->is_nil() && lag->integer == 0;
  }
  return false;
}

}  // namespace

Share::Share(const Leases& leases, const ControlBoard& board, QueueHealth& health,
             std::function<std::vector<bool>()> waiting,
             std::function<void(std::uint32_t, std::size_t)> share)
    : leases_(leases),
      board_(board),
      health_(health),
      waiting_(std::move(waiting)),
      share_(std::move(share)) {}

Time Share::turn(redis::Connection& connection, Time now) {
  const Time next = now + period;
  if (board_.is_retired()) return next;
  const std::vector<bool> waiting = waiting_();
  std::vector<std::uint32_t> queues;
  for (std::uint32_t queue = 0; queue < waiting.size(); ++queue) {
    if (waiting[queue] && board_.workers_alive(queue) > 1) queues.push_back(queue);
  }
  if (queues.empty()) return next;
  connection.connect();
  for (const std::uint32_t queue : queues) {
    for (const std::string& stream : leases_.queues()[queue].ready) {
      connection.append({"XINFO", "GROUPS", stream});
    }
  }
  std::vector<redis::ReplyPtr> replies;
  for (std::size_t i = 0; i < queues.size() * priority_count; ++i) {
    replies.push_back(connection.read());
  }
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const std::span of_queue(replies.data() + i * priority_count, priority_count);
    const bool all = health_.are_usable(of_queue, queues[i], QueueHealth::Activity::share) &&
                     std::ranges::all_of(of_queue, [](const auto& groups) {
                       return is_all_delivered(groups->root());
                     });
    if (all) share_(queues[i], board_.workers_alive(queues[i]));
  }
  return next;
}

}  // namespace ferry::detail
