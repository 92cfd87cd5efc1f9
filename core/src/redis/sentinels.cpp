#include "redis/sentinels.hpp"

#include <charconv>
#include <optional>
#include <string>

#include "ferry/error.hpp"

namespace ferry::redis {
namespace {

using Type = Reply::Type;

/// Returns: what one sentinel says; nothing when it knows no such master.
std::optional<HostPort> ask(Connection& sentinel, const std::string& name) {
  const ReplyPtr answer = sentinel.command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name});
  const Reply& reply = answer->root();
  if (reply.is_nil()) return std::nullopt;
  HostPort address;
  const bool pair = reply.type == Type::array && reply.size == 2 && reply[0].type == Type::text &&
                    reply[1].type == Type::text;
  if (pair) {
    address.host = reply[0].text;
    const std::string_view port = reply[1].text;
    std::from_chars(port.data(), port.data() + port.size(), address.port);
  }
  if (address.port != 0) return address;
  throw Error(ErrorCode::unavailable,
              sentinel.endpoint().redacted() + " does not answer as a sentinel; check the URL" +
                  (reply.is_error() ? ", or give the user the right to ask it" : ""));
}

/// Returns: the names it knows, for a message.
std::string names_at(Connection& sentinel) {
  const ReplyPtr answer = sentinel.command({"SENTINEL", "MASTERS"});
  std::string names;
  for (const Reply& master : answer->root()) {
    for (std::size_t i = 0; i + 1 < master.size; i += 2) {
      if (master[i].text != "name") continue;
      if (!names.empty()) names += ", ";
      names += master[i + 1].text;
    }
  }
  return names.empty() ? "none at all" : names;
}

}  // namespace

Endpoint Sentinels::find_master(const Endpoint& endpoint) {
  std::string trouble;
  std::string known;
  for (std::size_t i = 0; i < endpoint.sentinels.size(); ++i) {
    const std::size_t at = (first_ + i) % endpoint.sentinels.size();
    Endpoint where;
    where.host = endpoint.sentinels[at].host;
    where.port = endpoint.sentinels[at].port;
    try {
      Connection sentinel(
          {.url = where.redacted(), .connect_timeout = timeout_, .command_timeout = timeout_});
      if (const auto master = ask(sentinel, endpoint.master_name)) {
        first_ = at;
        Endpoint found = endpoint;
        found.sentinels.clear();
        found.host = master->host;
        found.port = master->port;
        return found;
      }
      known = names_at(sentinel);
    } catch (const Error& error) {
      trouble = error.what();
    }
  }
  if (!known.empty()) {
    throw Error(ErrorCode::invalid_argument, "url: no sentinel of " + endpoint.redacted() +
                                                 " watches a master named \"" +
                                                 endpoint.master_name + "\"; they know " + known);
  }
  throw Error(ErrorCode::unavailable,
              "no sentinel of " + endpoint.redacted() + " says where the master is: " + trouble);
}

}  // namespace ferry::redis
