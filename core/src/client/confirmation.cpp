#include "client/confirmation.hpp"

#include <algorithm>
#include <optional>

#include "ferry/error.hpp"
#include "redis/errors.hpp"
#include "redis/server_info.hpp"

namespace ferry::detail {
namespace {

/// Redis takes 0 for "without end".
std::string at_least_one_ms(std::chrono::milliseconds timeout) {
  return std::to_string(std::max<std::int64_t>(timeout.count(), 1));
}

}  // namespace

Confirmation::Confirmation(const Durability& durability, std::chrono::milliseconds timeout)
    : durability_(durability),
      replicas_(std::to_string(durability.replicas)),
      timeout_ms_(at_least_one_ms(timeout)) {}

void Confirmation::check(redis::Connection& connection) const {
  // Both answer at once, or after a millisecond: there is nothing to wait for yet.
  const bool synced = durability_.level == Durability::Level::synced;
  const redis::ReplyPtr reply = synced ? connection.command({"WAITAOF", "1", "0", "1"})
                                       : connection.command({"WAIT", "0", "1"});
  if (reply->root().is_error()) refuse(connection, reply->root().text);
}

void Confirmation::refuse(redis::Connection& connection, std::string_view reply) const {
  const std::string server = connection.endpoint().redacted();
  if (reply.find("appendonly") != std::string_view::npos) {
    throw Error(ErrorCode::unsupported,
                "durability synced needs the append-only file, and it is off at " + server +
                    ": CONFIG SET appendonly yes there, and keep it in redis.conf");
  }
  if (reply.find("replica") != std::string_view::npos) {
    throw Error(ErrorCode::unavailable, server + " is a replica; connect to its primary");
  }
  const Error error = redis::error_of(reply);
  if (error.code() != ErrorCode::unsupported) throw error;
  const auto info = redis::server_info(connection, "server");
  const std::string version(info ? redis::field(*info, "redis_version") : "of unknown version");
  throw Error(ErrorCode::unsupported,
              "durability synced needs WAITAOF, which Redis has from 7.2 on; Redis " + version +
                  " runs at " + server +
                  ": use a later one, or set appendfsync always there and use durability fast, "
                  "which then promises the same");
}

void Confirmation::append(redis::Connection& connection) const {
  if (durability_.level == Durability::Level::synced) {
    connection.append({"WAITAOF", "1", "0", timeout_ms_});
  } else {
    connection.append({"WAIT", replicas_, timeout_ms_});
  }
}

Confirmation::Answer Confirmation::read(redis::Connection& connection) const {
  using Type = redis::Reply::Type;
  const redis::ReplyPtr read = connection.read();
  const redis::Reply& reply = read->root();
  if (reply.type == Type::integer) return {reply.integer >= durability_.replicas, reply.integer};
  if (reply.type == Type::array && reply.size >= 1 && reply[0].type == Type::integer) {
    return {reply[0].integer >= 1, reply[0].integer};
  }
  connection.close();
  throw redis::error_of(reply.text);
}

std::string Confirmation::shortfall(const Answer& answer, std::chrono::milliseconds waited) const {
  const std::string within = " within block_timeout (" + std::to_string(waited.count()) + " ms)";
  const std::string then =
      ". They run unless that primary is lost now. The client has repeated the call without "
      "storing anything twice; to enqueue them anew makes second jobs. ";
  if (durability_.level == Durability::Level::synced) {
    return "stored by the primary, but not on its disk" + within + then +
           "See its log: the disk is slow or full";
  }
  return "stored by the primary, but not on " + replicas_ + " of its replicas" + within + "; " +
         std::to_string(answer.copies) + " confirmed it" + then +
         "See INFO replication there: start the replicas that are missing, or ask for fewer";
}

}  // namespace ferry::detail
