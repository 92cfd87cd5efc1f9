#include <string>

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
      cursor = reply->root()[0].text;
      forgotten += static_cast<std::size_t>(reply->root()[1].integer);
    } while (cursor != "0");
  }
  return forgotten;
}

}  // namespace ferry::detail
