// Envelopes as they are stored: head, bodies, bundles, zstd, extras, deaths.
//
// Input: the bytes of an envelope; or, when they do not begin like one, flags and count (two bytes)
// of a head and the body behind it, which is compressed when the flags say so.
//
// Property: what decodes is encoded again, job by job, to the same meaning, and is not decodable
// any more when its last byte is cut off. The head is read alike by whoever reads the head alone.
// What does not decode says why in one line and can always be wrapped for the dead letters, from
// where it comes back to the byte. What inflates can be told beforehand. The kinds that are named
// of anything are names, and those of the jobs where it decodes.

#include "wire/envelope.hpp"

#include <algorithm>

#include "fuzz/property.hpp"
#include "wire/kinds_named.hpp"
#include "wire/msgpack_append.hpp"
#include "wire/names.hpp"
#include "wire/promised_bytes.hpp"
#include "wire/zstd_frame.hpp"

namespace ferry::wire {
namespace {

using fuzz::require;

std::string made_of_parts(std::string_view input) {
  const auto byte = [&](std::size_t at) {
    return at < input.size() ? static_cast<std::uint8_t>(input[at]) : std::uint8_t{0};
  };
  const std::uint8_t flags = byte(0) & 0x7f;
  std::string body(input.substr(std::min<std::size_t>(3, input.size())));
  if ((flags & flag_zstd) != 0) {
    std::string frame = deflate(body);
    if (!frame.empty()) body = std::move(frame);
  }
  std::string bytes("\x95\x01", 2);
  bytes.push_back(static_cast<char>(flags));
  bytes.push_back('\xcd');
  bytes.push_back(static_cast<char>(byte(1) & 3));
  bytes.push_back(static_cast<char>(byte(2)));
  MsgpackAppender out(bytes);
  out.bin(std::string(16, '\x07'));
  out.bin(body);
  return bytes;
}

void require_equal(const Extras& a, const Extras& b) {
  require(a.expires_at_ms == b.expires_at_ms && a.attempts == b.attempts &&
              a.max_attempts == b.max_attempts && a.traceparent == b.traceparent &&
              a.batch_key == b.batch_key && a.last_reason == b.last_reason &&
              a.headers == b.headers && a.key_id == b.key_id,
          "extras come back as they were");
}

void require_equal(const StoredEnvelope& a, const StoredEnvelope& b) {
  require(a.jobs.size() == b.jobs.size(), "as many jobs come back");
  for (std::size_t i = 0; i < a.jobs.size(); ++i) {
    const StoredJob& left = a.jobs[i];
    const StoredJob& right = b.jobs[i];
    require(left.id == right.id && left.kind == right.kind && left.payload == right.payload &&
                left.enqueued_us == right.enqueued_us,
            "a job comes back as it was");
    require_equal(left.extras != nullptr ? *left.extras : Extras{},
                  right.extras != nullptr ? *right.extras : Extras{});
  }
  require(a.death.has_value() == b.death.has_value(), "a dead letter stays one");
  if (!a.death) return;
  require(a.death->reason == b.death->reason && a.death->died_at_ms == b.death->died_at_ms &&
              a.death->deliveries == b.death->deliveries,
          "a death comes back as it was");
}

void require_written_again(const StoredEnvelope& read) {
  std::size_t bytes = 0;
  for (const StoredJob& job : read.jobs) bytes += job.payload.size();
  // With an id and extras for each job it may be too large for one envelope.
  if (bytes > max_envelope_bytes / 2) return;
  for (const std::size_t compress_from : {0, 1}) {
    EnvelopeWriter writer(read.head.first_id);
    for (const StoredJob& job : read.jobs) writer.add_moved(job, job.extras);
    const std::string written = writer.finish(compress_from, read.death);
    StoredEnvelope again;
    const std::string problem = decode(written, again);
    require(problem.empty(), "what was decoded can be written: " + problem);
    require_equal(read, again);
  }
}

void require_wrapped(std::string_view bytes) {
  const auto head = decode_head(bytes);
  const std::size_t count = head ? head->count : 1;
  const Death death{"a reason", 5, 2};
  const std::string letter = wrap_opaque(bytes, count, head ? head->first_id : JobId{}, death);
  StoredEnvelope read;
  require(decode(letter, read).empty(), "an opaque dead letter decodes");
  require(read.opaque == bytes && read.head.count == count && read.jobs.empty(),
          "an opaque dead letter keeps bytes and count");
}

/// What is shown of an envelope that cannot be decoded is right for one that can.
void require_kinds(std::string_view bytes, const StoredEnvelope* read) {
  constexpr std::size_t most_kinds = 16;
  const std::vector<std::string> kinds = kinds_named(bytes);
  require(kinds.size() <= most_kinds, "not too many kinds are named");
  for (const std::string& kind : kinds) require(is_name(kind), "what is named is a name");
  if (read == nullptr || kinds.size() == most_kinds) return;
  for (const StoredJob& job : read->jobs) {
    require(std::ranges::find(kinds, job.kind) != kinds.end(), "the kind of each job is named");
  }
}

void check(std::string_view bytes) {
  StoredEnvelope read;
  const std::string problem = decode(bytes, read);
  require_kinds(bytes, problem.empty() ? &read : nullptr);
  const std::size_t promised = promised_bytes(bytes);
  require(promised <= max_inflated_bytes, "no more is promised than decoding allows");
  require(promised > 0 || read.inflated.empty(), "what inflates was promised");
  if (!problem.empty()) {
    fuzz::require_message(problem);
    require_wrapped(bytes);
    return;
  }
  const auto head = decode_head(bytes);
  require(head && head->count == read.head.count && head->flags == read.head.flags &&
              head->first_id == read.head.first_id,
          "the head alone says the same");
  require(read.jobs.size() == ((read.head.flags & flag_opaque) != 0 ? 0 : read.head.count),
          "there are as many jobs as the head says");
  StoredEnvelope cut;
  require(!decode(bytes.substr(0, bytes.size() - 1), cut).empty(),
          "a cut envelope does not decode");
  if ((read.head.flags & flag_opaque) == 0) require_written_again(read);
}

}  // namespace
}  // namespace ferry::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = ferry::fuzz::text_of(data, size);
  if (input.starts_with('\x95') || input.starts_with('\x96')) {
    ferry::wire::check(input);
  } else {
    ferry::wire::check(ferry::wire::made_of_parts(input));
  }
  return 0;
}
