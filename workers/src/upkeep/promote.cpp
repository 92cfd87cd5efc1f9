#include "upkeep/promote.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "functions/enqueue_transaction.hpp"
#include "functions/replies.hpp"
#include "redis/errors.hpp"
#include "upkeep/queue_rounds.hpp"
#include "wire/envelope.hpp"

namespace ferry::detail {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Redis's clock is known to a round trip; what is due so soon is asked for.
constexpr double soon_ms = 5;

/// Larger bodies are moved without Lua, which copies them several times: 8 MiB took Redis 44 ms
/// with it, 10 ms without.
constexpr std::string_view most_inside = "2097152";
constexpr std::string_view any_size = "9007199254740991";

/// Calls for one queue in a turn: the other roles wait meanwhile.
constexpr int most_rounds = 64;

}  // namespace

Promote::Promote(const Leases& leases, const ControlBoard& board, QueueHealth& health,
                 Metrics& metrics)
    : leases_(leases),
      board_(board),
      health_(health),
      metrics_(metrics),
      inside_only_(leases.queues().size(), false) {}

Time Promote::turn(redis::Connection& connection, Time now) {
  Time next = now + longest_nap;
  auto queues = with_something_due(connection, now, next);
  for (int round = 0; round < most_rounds && !queues.empty(); ++round) {
    queues = move(connection, queues, next);
    for (const Large& large : std::exchange(large_, {})) {
      if (!move_large(connection, large)) inside_only_[large.queue] = true;
    }
  }
  return queues.empty() ? next : now;
}

std::vector<std::uint32_t> Promote::with_something_due(redis::Connection& connection, Time now,
                                                       Time& next) {
  std::vector<std::uint32_t> kept;
  for (std::uint32_t queue = 0; queue < leases_.queues().size(); ++queue) {
    if (board_.keeps(queue)) kept.push_back(queue);
  }
  std::vector<std::uint32_t> due;
  ask_queues(
      connection, kept, health_, QueueHealth::Activity::due,
      [&](std::uint32_t queue) {
        connection.append({"ZRANGE", leases_.queues()[queue].due, "0", "0", "WITHSCORES"});
      },
      [&](std::uint32_t queue, const redis::Reply& first) {
        if (first.size < 2) return;
        const auto at = static_cast<double>(ms_of_score(first[1].text));
        const double left = at - static_cast<double>(board_.server_ms(queue, now));
        if (!(left > soon_ms)) {
          due.push_back(queue);
        } else if (left < static_cast<double>(longest_nap.count())) {
          next = std::min(next, now + milliseconds{static_cast<std::int64_t>(left)});
        }
      });
  return due;
}

std::vector<std::uint32_t> Promote::move(redis::Connection& connection,
                                         const std::vector<std::uint32_t>& queues, Time& next) {
  std::vector<std::uint32_t> more;
  std::uint64_t jobs = 0;
  ask_queues(
      connection, queues, health_, QueueHealth::Activity::promote,
      [&](std::uint32_t queue) {
        const Keys& keys = leases_.queues()[queue];
        connection.append({"FCALL", "ferry_v1_promote", "6", keys.state, keys.due, keys.parked,
                           keys.ready[0], keys.ready[1], keys.ready[2], "500", "65536",
                           inside_only_[queue] ? any_size : most_inside});
      },
      [&](std::uint32_t queue, const redis::Reply& reply) {
        const PromoteReply promoted = read_promote_reply(reply);
        jobs += promoted.jobs;
        const bool large = !promoted.large.empty();
        if (large) {
          large_.push_back(
              {queue, std::string(promoted.large), std::to_string(promoted.large_bytes)});
        }
        if (promoted.next_due.count() == 0 && (promoted.jobs > 0 || large)) {
          more.push_back(queue);
        } else if (promoted.next_due.count() >= 0) {
          // At least a millisecond: what is due and cannot be moved must not keep this thread busy.
          next = std::min(next, Clock::now() + std::max(promoted.next_due, milliseconds{1}));
        }
      });
  if (jobs > 0) metrics_.update([&](WorkerStats& stats) { stats.promoted_jobs += jobs; });
  return more;
}

/// See due.lua. Where it fails nothing has changed.
bool Promote::move_large(redis::Connection& connection, const Large& large) {
  const Keys& keys = leases_.queues()[large.queue];
  const std::string gate = keys.gate_of(leases_.name(leases_.current_epoch()));
  const std::string& stream = keys.ready[static_cast<std::size_t>(large.name[0] - '0')];
  if (!may_transact(connection)) return false;
  connection.append({"ZSCORE", keys.due, large.name});
  connection.append({"HMGET", keys.parked, large.name});
  const std::array replies{connection.read(), connection.read()};
  const auto& [score, stored] = replies;
  if (!health_.are_usable(replies, large.queue, QueueHealth::Activity::promote_large)) return false;
  if (score->root().is_nil() || stored->root().size == 0 || stored->root()[0].is_nil()) {
    return true;
  }
  const std::string_view body = stored->root()[0].text;
  const auto head = wire::decode_head(body);
  connection.append({"MULTI"});
  connection.append({"FCALL", "ferry_v1_due_open", "5", keys.state, keys.due, keys.parked, gate,
                     stream, large.name, score->root().text, large.bytes});
  connection.append({"XADD", gate, "NOMKSTREAM", "*", envelope_field, body});
  connection.append({"RENAMENX", gate, stream});
  connection.append({"FCALL", "ferry_v1_due_close", "4", keys.state, keys.due, keys.parked, stream,
                     large.name, std::to_string(head ? head->count : 0)});
  connection.append({"EXEC"});
  redis::ReplyPtr last;
  for (int i = 0; i < 6; ++i) last = connection.read();
  const redis::Reply& done = last->root();
  return done.type == redis::Reply::Type::array && done.size == 4 && done[3].integer == 1;
}

}  // namespace ferry::detail
