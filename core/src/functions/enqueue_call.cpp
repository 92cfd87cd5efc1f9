#include "functions/enqueue_call.hpp"

#include <algorithm>
#include <array>

#include "functions/replies.hpp"

namespace ferry {
namespace {

constexpr std::array<std::string_view, priority_count> stream_index{"5", "6", "7"};
constexpr std::array<std::string_view, priority_count> priority_digit{"0", "1", "2"};

/// The functions say half a minute at most. Whatever is told, a producer asks again once an hour.
constexpr std::chrono::milliseconds longest_retry_after = std::chrono::hours{1};

bool all_integers(const redis::Reply& reply, std::size_t from, std::size_t to) {
  if (reply.size < to) return false;
  for (std::size_t i = from; i < to; ++i) {
    if (reply[i].type != redis::Reply::Type::integer) return false;
  }
  return true;
}

}  // namespace

EnqueueCall::EnqueueCall(const Keys& keys, const QueueLimits& limits)
    : keys_{keys.state,    keys.producers, keys.due,     keys.parked,
            keys.ready[0], keys.ready[1],  keys.ready[2]},
      max_jobs_(std::to_string(limits.max_jobs)),
      max_bytes_(std::to_string(limits.max_bytes)),
      max_age_ms_(std::to_string(limits.max_age.count())) {}

std::span<const std::string_view> EnqueueCall::arguments(
    std::string_view producer, std::int64_t sequence, std::span<const OutgoingEnvelope> envelopes) {
  sequence_ = std::to_string(sequence);
  delays_.clear();
  delays_.reserve(envelopes.size());
  arguments_.assign({"FCALL", "ferry_v1_enqueue", "7"});
  arguments_.insert(arguments_.end(), keys_.begin(), keys_.end());
  arguments_.insert(arguments_.end(), {producer, sequence_, max_jobs_, max_bytes_, max_age_ms_});
  for (const OutgoingEnvelope& envelope : envelopes) {
    const auto digit = static_cast<std::size_t>(envelope.priority);
    const auto delay = envelope.run_after.count();
    std::string_view delay_text = "0";
    if (delay > 0) delay_text = delays_.emplace_back(std::to_string(delay));
    arguments_.insert(arguments_.end(),
                      {stream_index[digit], delay_text, priority_digit[digit], envelope.bytes});
  }
  return arguments_;
}

EnqueueReply read_enqueue_reply(const redis::Reply& reply) {
  using Type = redis::Reply::Type;
  EnqueueReply read;
  if (reply.is_error()) {
    read.kind = EnqueueReply::Kind::error;
    read.text = reply.text;
    return read;
  }
  const auto time = [&](std::size_t at) {
    return std::chrono::milliseconds{bounded(reply[at], 0, longest_told_time.count())};
  };
  const std::string_view word = reply.type == Type::array ? word_of(reply) : std::string_view{};
  if (word == "GAP" && all_integers(reply, 1, 2)) {
    read.kind = EnqueueReply::Kind::gap;
    read.last_sequence = bounded(reply[1], 0, largest_told_count);
    return read;
  }
  const bool full = word == "FULL";
  if ((full || word == "OK" || word == "DUP") && all_integers(reply, 1, full ? 5 : 4)) {
    read.kind = full           ? EnqueueReply::Kind::full
                : word == "OK" ? EnqueueReply::Kind::ok
                               : EnqueueReply::Kind::dup;
    read.depth_jobs = bounded(reply[1], 0, largest_told_count);
    read.depth_bytes = bounded(reply[2], 0, largest_told_count);
    read.oldest_age = time(3);
    if (full) read.retry_after = std::min(time(4), longest_retry_after);
    const std::size_t behind = full ? 5 : 4;
    if (reply.size > behind && reply[behind].type == Type::text) read.text = reply[behind].text;
    return read;
  }
  read.text = unknown_reply("ferry_v1_enqueue", reply).what();
  return read;
}

}  // namespace ferry
