#include "functions/enqueue_transaction.hpp"

#include <algorithm>

#include "redis/errors.hpp"

namespace ferry {
namespace {

/// Below it the checking function is as fast: its commands are fewer, and Lua has little to hash.
constexpr std::size_t worthwhile_bytes = 2048;

/// MULTI, FCALL, RENAMENX and EXEC.
constexpr std::size_t commands_beside_envelopes = 4;

EnqueueReply error_reply(std::string_view text) {
  EnqueueReply reply;
  reply.kind = EnqueueReply::Kind::error;
  reply.text = text;
  return reply;
}

}  // namespace

bool may_transact(redis::Connection& connection) {
  connection.append({"MULTI"});
  connection.append({"EXEC"});
  const bool begun = !connection.read()->root().is_error();
  const bool ended = !connection.read()->root().is_error();
  return begun && ended;
}

EnqueueTransaction::EnqueueTransaction(const Keys& keys, const QueueLimits& limits)
    : keys_(keys),
      max_jobs_(std::to_string(limits.max_jobs)),
      max_bytes_(std::to_string(limits.max_bytes)),
      max_age_ms_(std::to_string(limits.max_age.count())) {}

bool EnqueueTransaction::suits(std::span<const OutgoingEnvelope> envelopes) {
  std::size_t bytes = 0;
  for (const OutgoingEnvelope& envelope : envelopes) {
    if (envelope.run_after.count() > 0 || envelope.priority != envelopes.front().priority) {
      return false;
    }
    bytes += envelope.bytes.size();
  }
  return bytes >= worthwhile_bytes;
}

void EnqueueTransaction::append(redis::Connection& connection, std::string_view producer,
                                std::int64_t sequence,
                                std::span<const OutgoingEnvelope> envelopes) {
  std::size_t jobs = 0;
  std::size_t bytes = 0;
  for (const OutgoingEnvelope& envelope : envelopes) {
    jobs += envelope.jobs;
    bytes += envelope.bytes.size();
  }
  const std::string gate = keys_.gate_of(producer);
  const redis::CommandHead add{"XADD", gate, "NOMKSTREAM", "*", envelope_field};
  const std::string& stream = keys_.ready[static_cast<std::size_t>(envelopes.front().priority)];
  const std::string sequence_text = std::to_string(sequence);
  const std::string jobs_text = std::to_string(jobs);
  const std::string bytes_text = std::to_string(bytes);

  connection.append({"MULTI"});
  connection.append({"FCALL", "ferry_v1_open", "7", keys_.state, keys_.producers, gate, stream,
                     keys_.ready[0], keys_.ready[1], keys_.ready[2], producer, sequence_text,
                     max_jobs_, max_bytes_, max_age_ms_, jobs_text, bytes_text});
  for (const OutgoingEnvelope& envelope : envelopes) connection.append(add, envelope.bytes);
  connection.append({"RENAMENX", gate, stream});
  connection.append({"EXEC"});
}

EnqueueReply EnqueueTransaction::read(redis::Connection& connection, std::size_t envelopes) {
  // What was refused while it queued up makes EXEC refuse the whole: the first refusal says why.
  std::string refusal;
  for (std::size_t i = 0; i + 1 < envelopes + commands_beside_envelopes; ++i) {
    const redis::Reply& queued = connection.read_brief();
    if (queued.is_error() && redis::cuts_off(queued.text)) return error_reply(queued.text);
    if (queued.is_error() && refusal.empty()) refusal = queued.text;
  }
  const redis::ReplyPtr executed = connection.read();
  const redis::Reply& all = executed->root();
  if (!refusal.empty()) return error_reply(refusal);
  if (all.is_error()) return error_reply(all.text);
  EnqueueReply unknown;
  unknown.text = "Redis answered a transaction with something unknown";
  if (all.type != redis::Reply::Type::array || all.size != envelopes + 2) return unknown;
  EnqueueReply reply = read_enqueue_reply(all[0]);
  const auto stored = [](const redis::Reply& id) { return id.type == redis::Reply::Type::text; };
  if (reply.kind == EnqueueReply::Kind::ok &&
      !std::all_of(all.begin() + 1, all.begin() + 1 + envelopes, stored)) {
    return unknown;
  }
  return reply;
}

}  // namespace ferry
