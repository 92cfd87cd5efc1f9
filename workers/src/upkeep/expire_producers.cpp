#include <string>

#include "functions/replies.hpp"
#include "upkeep/roles.hpp"

namespace ferry::detail {
namespace {

/// Longer than any client waits for a reply: a producer is forgotten only when none of its calls
/// can be repeated any more.
constexpr std::chrono::milliseconds silent_for = std::chrono::hours{24};

}  // namespace

std::size_t expire_producers(redis::Connection& connection, const Leases& leases) {
  std::size_t forgotten = 0;
  for (const Keys& keys : leases.queues()) {
    std::string cursor = "0";
    do {
      const auto reply = connection.call({"FCALL", "ferry_v1_expire_producers", "1", keys.producers,
                                          cursor, std::to_string(silent_for.count())});
      const ExpireReply page = read_expire_reply(reply->root());
      cursor = page.cursor;
      forgotten += page.forgotten;
    } while (cursor != "0");
  }
  return forgotten;
}

}  // namespace ferry::detail
