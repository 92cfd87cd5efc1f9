#include <algorithm>
#include <cassert>

#include "ferry/error.hpp"
#include "wire/envelope.hpp"
#include "wire/msgpack_append.hpp"
#include "wire/names.hpp"
#include "wire/zstd_frame.hpp"

namespace ferry::wire {
namespace {

std::string_view bytes_of(const JobId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

/// Reasons come from handlers and may be of any length; the decoder refuses what is too long. Cut
/// between characters, as a msgpack str is UTF-8.
std::string_view shortened(std::string_view reason) {
  if (reason.size() <= max_reason_bytes) return reason;
  std::size_t end = max_reason_bytes;
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xc0) == 0x80) --end;
  return reason.substr(0, end);
}

std::size_t pairs_of(const Extras& extras) {
  return (extras.expires_at_ms != 0 ? 1u : 0u) + (extras.attempts != 0 ? 1u : 0u) +
         (extras.max_attempts != 0 ? 1u : 0u) + (extras.traceparent.empty() ? 0u : 1u) +
         (extras.batch_key.empty() ? 0u : 1u) + (extras.last_reason.empty() ? 0u : 1u) +
         (extras.headers.empty() ? 0u : 1u) + (extras.key_id.empty() ? 0u : 1u) +
         (extras.latency_budget_ms != 0 ? 1u : 0u);
}

void append_number(MsgpackAppender& out, std::uint64_t key, std::uint64_t value) {
  if (value == 0) return;
  out.uint(key);
  out.uint(value);
}

void append_text(MsgpackAppender& out, std::uint64_t key, std::string_view value) {
  if (value.empty()) return;
  out.uint(key);
  out.str(value);
}

void append_headers(MsgpackAppender& out, const Extras& extras) {
  if (extras.headers.empty()) return;
  out.uint(7);
  out.map(extras.headers.size());
  for (const auto& [name, value] : extras.headers) {
    out.str(name);
    out.str(value);
  }
}

void append_extras(MsgpackAppender& out, const JobId* own_id, const Extras* extras) {
  const std::size_t pairs = (own_id ? 1 : 0) + (extras ? pairs_of(*extras) : 0);
  out.map(pairs);
  if (own_id) {
    out.uint(0);
    out.bin(bytes_of(*own_id));
  }
  if (!extras) return;
  assert(extras->attempts >= 0 && extras->max_attempts >= 0 && extras->latency_budget_ms >= 0);
  append_number(out, 1, extras->expires_at_ms);
  append_number(out, 2, static_cast<std::uint64_t>(extras->attempts));
  append_number(out, 3, static_cast<std::uint64_t>(extras->max_attempts));
  append_text(out, 4, extras->traceparent);
  append_text(out, 5, extras->batch_key);
  append_text(out, 6, shortened(extras->last_reason));
  append_headers(out, *extras);
  append_text(out, 8, extras->key_id);
  append_number(out, 9, static_cast<std::uint64_t>(extras->latency_budget_ms));
}

void append_job(std::string& bytes, std::uint64_t kind, std::int64_t offset_us,
                std::string_view payload, const JobId* own_id, const Extras* extras) {
  if (payload.size() > max_payload_bytes) {
    throw Error(ErrorCode::oversized, "payload has " + std::to_string(payload.size()) +
                                          " bytes: expected at most " +
                                          std::to_string(max_payload_bytes));
  }
  const bool has_extras = own_id != nullptr || (extras != nullptr && pairs_of(*extras) > 0);
  MsgpackAppender out(bytes);
  out.array(has_extras ? 4 : 3);
  out.uint(kind);
  out.integer(offset_us);
  out.bin(payload);
  if (has_extras) append_extras(out, own_id, extras);
}

/// Everything before the body's bytes. Flags and count take one and at most three bytes: the
/// functions read them at fixed places.
void append_head(std::string& bytes, std::uint8_t flags, std::size_t count, const JobId& first_id,
                 std::size_t body_bytes, bool has_death) {
  MsgpackAppender out(bytes);
  out.array(has_death ? 6 : 5);
  out.uint(envelope_version);
  out.uint(flags);
  out.uint(count);
  out.bin(bytes_of(first_id));
  out.bin_header(body_bytes);
}

constexpr std::size_t most_head_bytes = 32;
/// What goes between the head and the jobs, unless there are many kinds.
constexpr std::size_t kinds_bytes = 96;

void append_death(std::string& bytes, const Death& death) {
  assert(death.deliveries >= 0);
  MsgpackAppender out(bytes);
  out.map(3);
  out.uint(0);
  out.str(shortened(death.reason));
  out.uint(1);
  out.uint(death.died_at_ms);
  out.uint(2);
  out.uint(static_cast<std::uint64_t>(death.deliveries));
}

}  // namespace

EnvelopeWriter::EnvelopeWriter(const JobId& first_id, std::string memory)
    : first_id_(first_id), jobs_bytes_(std::move(memory)) {
  jobs_bytes_.clear();
}

void EnvelopeWriter::reserve(std::size_t bytes) {
  jobs_bytes_.reserve(bytes + most_head_bytes + kinds_bytes);
}

std::uint64_t EnvelopeWriter::kind_index(std::string_view kind) {
  const auto found = std::find(kinds_.begin(), kinds_.end(), kind);
  if (found == kinds_.end()) {
    assert(is_name(kind));
    kinds_.emplace_back(kind);
    return kinds_.size() - 1;
  }
  return static_cast<std::uint64_t>(found - kinds_.begin());
}

void EnvelopeWriter::add(std::string_view kind, std::string_view payload, std::uint64_t enqueued_us,
                         const Extras* extras) {
  assert(jobs_ < max_jobs_in_envelope && (flags_ & flag_own_ids) == 0);
  note_sealed(extras);
  if (jobs_ == 0) base_us_ = enqueued_us;
  append_job(jobs_bytes_, kind_index(kind), static_cast<std::int64_t>(enqueued_us - base_us_),
             payload, nullptr, extras);
  ++jobs_;
}

void EnvelopeWriter::add_moved(const StoredJob& job, const Extras* extras) {
  assert(jobs_ < max_jobs_in_envelope && (jobs_ == 0 || (flags_ & flag_own_ids) != 0));
  if (jobs_ == 0) base_us_ = job.enqueued_us;
  flags_ |= flag_own_ids;
  note_sealed(extras);
  append_job(jobs_bytes_, kind_index(job.kind),
             static_cast<std::int64_t>(job.enqueued_us - base_us_), job.payload, &job.id, extras);
  ++jobs_;
}

void EnvelopeWriter::note_sealed(const Extras* extras) {
  if (extras != nullptr && !extras->key_id.empty()) flags_ |= flag_sealed;
}

std::string EnvelopeWriter::finish(std::size_t compress_from_bytes,
                                   const std::optional<Death>& death) {
  std::string opening;
  opening.reserve(most_head_bytes + kinds_bytes);
  MsgpackAppender out(opening);
  out.array(3);
  out.uint(base_us_);
  out.array(kinds_.size());
  for (const std::string& kind : kinds_) out.str(kind);
  out.array(jobs_);

  std::size_t body_bytes = opening.size() + jobs_bytes_.size();
  std::string compressed;
  if (compress_from_bytes > 0 && body_bytes >= compress_from_bytes) {
    jobs_bytes_.insert(0, opening);
    opening.clear();
    compressed = deflate(jobs_bytes_);
  }
  if (!compressed.empty()) {
    flags_ |= flag_zstd;
    jobs_bytes_ = std::move(compressed);
    body_bytes = jobs_bytes_.size();
  }

  // The head stands first, but says how long the opening is.
  std::string front = std::move(opening);
  const auto opening_bytes = static_cast<std::ptrdiff_t>(front.size());
  append_head(front, flags_, jobs_, first_id_, body_bytes, death.has_value());
  std::rotate(front.begin(), front.begin() + opening_bytes, front.end());
  std::string envelope = std::move(jobs_bytes_);
  envelope.insert(0, front);
  if (death) append_death(envelope, *death);
  jobs_bytes_.clear();
  jobs_ = 0;
  return envelope;
}

std::string wrap_opaque(std::string_view bytes, std::size_t count, const JobId& first_id,
                        const Death& death) {
  std::string envelope;
  envelope.reserve(most_head_bytes + bytes.size() + max_reason_bytes + 32);
  append_head(envelope, flag_opaque, count, first_id, bytes.size(), true);
  envelope.append(bytes);
  append_death(envelope, death);
  return envelope;
}

}  // namespace ferry::wire
