#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "leases.hpp"
#include "queue_health.hpp"
#include "redis/connection.hpp"

namespace ferry::detail {

/// One command for each of several queues in one write, then all replies.
///
/// `append` puts a queue's command on the connection; `read` is called for each reply that is no
/// error, and throws `unknown_reply` for one that it does not know. `activity`: what fails when a
/// reply is one.
/// Errors: `Error` as the connection throws it, or as Redis replies for more than one queue.
template <typename Append, typename Read>
void ask_queues(redis::Connection& connection, std::span<const std::uint32_t> queues,
                QueueHealth& health, QueueHealth::Activity activity, Append append, Read read) {
  if (queues.empty()) return;
  connection.connect();
  for (const std::uint32_t queue : queues) append(queue);
  std::vector<redis::ReplyPtr> replies;
  replies.reserve(queues.size());
  // All of them first: an error of all queues must leave none unread.
  for (std::size_t i = 0; i < queues.size(); ++i) replies.push_back(connection.read());
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const redis::Reply& reply = replies[i]->root();
    health.is_usable(reply, queues[i], activity, [&] { read(queues[i], reply); });
  }
}

}  // namespace ferry::detail
