#include "functions/enqueue_call.hpp"

#include <array>

namespace ferry {
namespace {

constexpr std::array<std::string_view, priority_count> stream_index{"5", "6", "7"};
constexpr std::array<std::string_view, priority_count> priority_digit{"0", "1", "2"};

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
  const bool worded = reply.type == Type::array && reply.size >= 2 &&
                      (reply[0].type == Type::text || reply[0].type == Type::status);
  const std::string_view word = worded ? reply[0].text : std::string_view{};
  if (word == "GAP" && all_integers(reply, 1, 2)) {
    read.kind = EnqueueReply::Kind::gap;
    read.last_sequence = reply[1].integer;
    return read;
  }
  const bool full = word == "FULL";
  if ((full || word == "OK" || word == "DUP") && all_integers(reply, 1, full ? 5 : 4)) {
    read.kind = full           ? EnqueueReply::Kind::full
                : word == "OK" ? EnqueueReply::Kind::ok
                               : EnqueueReply::Kind::dup;
    read.depth_jobs = reply[1].integer;
    read.depth_bytes = reply[2].integer;
    read.oldest_age = std::chrono::milliseconds{reply[3].integer};
    if (full) read.retry_after = std::chrono::milliseconds{reply[4].integer};
    return read;
  }
  read.text = "ferry_v1_enqueue answered something unknown" +
              (word.empty() ? std::string{} : " (" + std::string(word.substr(0, 32)) + ")");
  return read;
}

}  // namespace ferry
