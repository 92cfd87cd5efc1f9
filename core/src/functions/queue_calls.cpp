#include "functions/queue_calls.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include "ferry/error.hpp"
#include "functions/refusal.hpp"
#include "functions/replies.hpp"
#include "functions/slice.hpp"

namespace ferry {
namespace {

using redis::Reply;
using Type = Reply::Type;

/// Returns: a number with which sums and conversions do not overflow.
std::int64_t integer_of(const Reply& reply, std::string_view function) {
  if (reply.type != Type::integer) throw unknown_reply(function, reply);
  return bounded(reply, -largest_told_count, largest_told_count);
}

redis::ReplyPtr call_as(std::string_view verb, redis::Connection& connection,
                        std::string_view function, std::span<const std::string_view> keys,
                        std::span<const std::string_view> arguments) {
  const std::string key_count = std::to_string(keys.size());
  std::vector<std::string_view> command{verb, function, key_count};
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), arguments.begin(), arguments.end());
  redis::ReplyPtr reply = connection.command(command);
  if (reply->root().is_error()) throw refusal_of(function, reply->root().text);
  return reply;
}

redis::ReplyPtr call(redis::Connection& connection, std::string_view function,
                     std::span<const std::string_view> keys,
                     std::span<const std::string_view> arguments) {
  return call_as("FCALL", connection, function, keys, arguments);
}

/// For a user that may only read: FCALL asks for the right to write to its keys, whatever it does.
redis::ReplyPtr look(redis::Connection& connection, std::string_view function,
                     std::span<const std::string_view> keys,
                     std::span<const std::string_view> arguments) {
  return call_as("FCALL_RO", connection, function, keys, arguments);
}

}  // namespace

bool CountsReply::same_books(const CountsReply& other) const {
  const auto books = [](const CountsReply& c) {
    return std::tie(c.accepted, c.done, c.expired, c.cancelled, c.delayed, c.dead, c.bytes,
                    c.envelopes, c.leased_envelopes, c.last_delivered);
  };
  return books(*this) == books(other);
}

CountsReply call_counts(redis::Connection& connection, const Keys& keys) {
  constexpr std::string_view function = "ferry_v1_counts";
  const std::string_view names[] = {keys.state,    keys.workers, keys.progress, keys.due,
                                    keys.parked,   keys.dead,    keys.ready[0], keys.ready[1],
                                    keys.ready[2], keys.control};
  const auto answer = look(connection, function, names, {});
  const Reply& reply = answer->root();
  if (reply.type != Type::array || reply.size < 18) throw unknown_reply(function, reply);
  CountsReply counts;
  std::int64_t* const fields[] = {&counts.accepted,      &counts.done,
                                  &counts.expired,       &counts.cancelled,
                                  &counts.delayed,       &counts.dead,
                                  &counts.bytes,         &counts.ready,
                                  &counts.envelopes,     &counts.leased_envelopes,
                                  &counts.due_entries,   &counts.parked_entries,
                                  &counts.dead_entries,  &counts.workers,
                                  &counts.oldest_age_ms, &counts.paused,
                                  &counts.server_time_ms};
  for (std::size_t i = 0; i < std::size(fields); ++i) *fields[i] = integer_of(reply[i], function);
  counts.oldest_age_ms =
      std::clamp<std::int64_t>(counts.oldest_age_ms, 0, longest_told_time.count());
  const Reply& last = reply[17];
  if (last.type != Type::array || last.size < priority_count) throw unknown_reply(function, reply);
  for (std::size_t i = 0; i < priority_count; ++i) counts.last_delivered[i] = last[i].text;
  return counts;
}

JobsAndBytes count_range(redis::Connection& connection, const Keys& keys, std::size_t priority,
                         std::string_view from, std::string_view to) {
  constexpr std::string_view function = "ferry_v1_count_range";
  const std::string_view names[] = {keys.progress, keys.ready[priority]};
  std::string next(from);
  JobsAndBytes sum;
  for (Slice slice;;) {
    const std::string most = std::to_string(slice.elements());
    const std::string_view arguments[] = {next, to, most};
    const auto answer = look(connection, function, names, arguments);
    const Reply& reply = answer->root();
    if (reply.type != Type::array || reply.size < 3) throw unknown_reply(function, reply);
    const std::int64_t bytes = integer_of(reply[1], function);
    sum.jobs += integer_of(reply[0], function);
    sum.bytes += bytes;
    if (reply[2].text.empty()) return sum;
    slice.expect(bytes, static_cast<std::int64_t>(slice.elements()));
    next = "(" + std::string(reply[2].text);
  }
}

JobsAndBytes count_parked(redis::Connection& connection, const Keys& keys, const std::string& set) {
  constexpr std::string_view function = "ferry_v1_count_parked";
  const std::string_view names[] = {set, keys.parked};
  std::int64_t rank = 0;
  JobsAndBytes sum;
  for (Slice slice;;) {
    const std::string most = std::to_string(slice.elements());
    const std::string from = std::to_string(rank);
    const std::string_view arguments[] = {from, most};
    const auto answer = look(connection, function, names, arguments);
    const Reply& reply = answer->root();
    if (reply.type != Type::array || reply.size < 3) throw unknown_reply(function, reply);
    const std::int64_t bytes = integer_of(reply[1], function);
    const std::int64_t seen = integer_of(reply[2], function);
    sum.jobs += integer_of(reply[0], function);
    sum.bytes += bytes;
    if (seen < static_cast<std::int64_t>(slice.elements())) return sum;
    slice.expect(bytes, static_cast<std::int64_t>(slice.elements()));
    rank += seen;
  }
}

void call_pause(redis::Connection& connection, const Keys& keys, bool paused) {
  const std::string_view names[] = {keys.control};
  const std::string_view arguments[] = {paused ? "1" : "0"};
  const auto answer = call(connection, "ferry_v1_pause", names, arguments);
  if (word_of(answer->root()) != "OK") throw unknown_reply("ferry_v1_pause", answer->root());
}

std::int64_t call_purge(redis::Connection& connection, const Keys& keys, std::size_t elements) {
  constexpr std::string_view function = "ferry_v1_purge";
  const std::string_view names[] = {keys.state,    keys.due,      keys.parked,  keys.progress,
                                    keys.ready[0], keys.ready[1], keys.ready[2]};
  const std::string most = std::to_string(elements);
  const std::string_view arguments[] = {most};
  return integer_of(call(connection, function, names, arguments)->root(), function);
}

std::int64_t call_dead_retry(redis::Connection& connection, const Keys& keys,
                             std::span<const DeadRetry> letters) {
  constexpr std::string_view function = "ferry_v1_dead_retry";
  const std::string_view names[] = {keys.state,    keys.dead,     keys.parked,
                                    keys.ready[0], keys.ready[1], keys.ready[2]};
  std::vector<std::string_view> arguments;
  for (const DeadRetry& letter : letters) {
    arguments.insert(arguments.end(), {letter.name, letter.envelope});
  }
  return integer_of(call(connection, function, names, arguments)->root(), function);
}

std::int64_t call_dead_drop(redis::Connection& connection, const Keys& keys,
                            std::span<const std::string> letters) {
  constexpr std::string_view function = "ferry_v1_dead_drop";
  const std::string_view names[] = {keys.state, keys.dead, keys.parked};
  const std::vector<std::string_view> arguments(letters.begin(), letters.end());
  return integer_of(call(connection, function, names, arguments)->root(), function);
}

}  // namespace ferry
