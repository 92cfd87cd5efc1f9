#include "wire/envelope.hpp"

#include <cstring>
#include <utility>

#include "wire/envelope_head.hpp"
#include "wire/kind_table.hpp"
#include "wire/msgpack_cursor.hpp"
#include "wire/names.hpp"
#include "wire/zstd_frame.hpp"

namespace ferry::wire {
namespace {

constexpr std::uint8_t known_flags =
    flag_zstd | flag_own_ids | flag_bundle | flag_opaque | flag_sealed;
/// An array of three, a kind index, a time and an empty bin: what a job takes at least.
constexpr std::size_t least_job_bytes = 5;

/// Whatever else a later version changes, it begins with an array whose first number is higher.
bool has_later_version(std::string_view bytes) {
  const bool is_array = bytes.size() > 1 && (static_cast<std::uint8_t>(bytes[0]) & 0xf0) == 0x90;
  return is_array && static_cast<std::int8_t>(bytes[1]) > envelope_version;
}

/// One decoding: reads into `out` and keeps the first thing that was wrong, as a sentence.
class Decoder {
 public:
  Decoder(StoredEnvelope& out, BadParts bad_parts) : out_(out), bad_parts_(bad_parts) {}

  bool envelope(std::string_view bytes, bool nested);
  const std::string& error() const { return error_; }

 private:
  bool fail(std::string message) {
    error_ = std::move(message);
    return false;
  }
  bool fail(const MsgpackCursor& in, std::string_view what, std::string_view expected) {
    std::string message(what);
    if (in.problem() == MsgpackCursor::Problem::cut_off) {
      return fail(message.append(" runs past the end of the envelope"));
    }
    return fail(message.append(" is not ").append(expected));
  }
  bool blame(std::string_view place, std::size_t number) {
    error_.insert(0, std::string(place) + " " + std::to_string(number) + ": ");
    return false;
  }

  bool check_flags(const Head& head, bool has_death, bool nested);
  bool inflate_body(std::string_view& body);
  bool plain_body(std::string_view body, const Head& head);
  bool bundle_body(std::string_view body, const Head& head);
  bool part(std::string_view bytes, const Head& bundle);
  bool read_kinds(MsgpackCursor& in, KindTable& kinds);
  bool read_job(MsgpackCursor& in, const KindTable& kinds, std::int64_t base_us, std::uint8_t flags,
                StoredJob& job);
  bool read_extras(MsgpackCursor& in, std::uint8_t flags, StoredJob& job);
  bool read_key_id(MsgpackCursor& in, std::string_view& key_id);
  bool read_extra(MsgpackCursor& in, std::uint64_t key, Extras& extras);
  bool read_headers(MsgpackCursor& in, Extras& extras);
  bool read_death(MsgpackCursor& in);
  template <typename Number>
  bool read_bounded(MsgpackCursor& in, std::string_view what, std::uint64_t most, Number& value);
  bool read_text(MsgpackCursor& in, std::string_view what, std::size_t most_bytes,
                 std::string_view& value);

  StoredEnvelope& out_;
  BadParts bad_parts_;
  std::size_t inflated_bytes_ = 0;  ///< of this envelope and all parts of it
  bool inflate_failed_ = false;     ///< the last time
  std::string error_;
};

bool Decoder::envelope(std::string_view bytes, bool nested) {
  Head head;
  bool has_death = false;
  const std::size_t body_at = read_head(bytes, head, has_death);
  if (body_at == 0 && has_later_version(bytes)) {
    out_.newer = true;
    return fail("version " + std::to_string(bytes[1]) + " is newer than this program");
  }
  if (body_at == 0) return fail("the head is not one of version 1 with 1 to 1000 jobs");
  if (!nested) out_.head = head;
  if (!check_flags(head, has_death, nested)) return false;
  // What was too large to decode may still be wrapped as opaque bytes.
  if (bytes.size() > max_envelope_bytes && (head.flags & flag_opaque) == 0) {
    return fail("the envelope has " + std::to_string(bytes.size()) + " bytes, more than " +
                std::to_string(max_envelope_bytes));
  }
  MsgpackCursor in(bytes.substr(body_at));
  std::string_view body;
  if (!in.read_bin(body)) return fail(in, "the body", "a bin");
  if (has_death && !read_death(in)) return false;
  if (!in.at_end()) return fail("the envelope is followed by other bytes");
  if ((head.flags & flag_opaque) != 0) {
    out_.opaque = body;
    return true;
  }
  if ((head.flags & flag_zstd) != 0 && !inflate_body(body)) return false;
  return (head.flags & flag_bundle) != 0 ? bundle_body(body, head) : plain_body(body, head);
}

bool Decoder::check_flags(const Head& head, bool has_death, bool nested) {
  const std::string flags = "flags " + std::to_string(head.flags);
  out_.newer = (head.flags & ~known_flags) != 0;
  if (out_.newer) return fail(flags + " are not known here: written by a newer version?");
  const bool alone = head.flags == flag_opaque || (head.flags & flag_opaque) == 0;
  // A bundle's parts have these, each for itself.
  const bool bundle_fits =
      (head.flags & (flag_own_ids | flag_sealed)) == 0 || (head.flags & flag_bundle) == 0;
  if (!alone || !bundle_fits) return fail(flags + " exclude each other");
  if (nested && (head.flags & (flag_bundle | flag_opaque)) != 0) {
    return fail(flags + " are not allowed inside a bundle");
  }
  if (nested && has_death) return fail("a dead letter is not allowed inside a bundle");
  return true;
}

bool Decoder::inflate_body(std::string_view& body) {
  std::unique_ptr<char[]> buffer;
  std::size_t bytes = 0;
  const std::string problem = inflate(body, max_inflated_bytes - inflated_bytes_, buffer, bytes);
  inflate_failed_ = !problem.empty();
  if (inflate_failed_) return fail("the zstd frame " + problem);
  inflated_bytes_ += bytes;
  body = {buffer.get(), bytes};
  out_.inflated.push_back(std::move(buffer));
  return true;
}

bool Decoder::plain_body(std::string_view body, const Head& head) {
  MsgpackCursor in(body);
  std::size_t fields = 0;
  if (!in.read_array(fields) || fields != 3) return fail(in, "the body", "an array of 3");
  std::uint64_t base_us = 0;
  if (!read_bounded(in, "the base time", max_time_ms * 1000, base_us)) return false;
  KindTable kinds;
  if (!read_kinds(in, kinds)) return false;
  std::size_t jobs = 0;
  if (!in.read_array(jobs)) return fail(in, "the job list", "an array");
  if (jobs != head.count) {
    return fail("the body holds " + std::to_string(jobs) + " jobs, the head says " +
                std::to_string(head.count));
  }
  if (jobs > in.left() / least_job_bytes) {
    return fail("the job list runs past the end of the envelope");
  }
  out_.jobs.reserve(out_.jobs.size() + jobs);
  const bool own_ids = (head.flags & flag_own_ids) != 0;
  for (std::size_t i = 0; i < jobs; ++i) {
    StoredJob& job = out_.jobs.emplace_back();
    if (!own_ids) job.id = id_after(head.first_id, i);
    if (!read_job(in, kinds, static_cast<std::int64_t>(base_us), head.flags, job)) {
      return blame("job", i);
    }
  }
  return in.at_end() || fail("the body is followed by other bytes");
}

bool Decoder::bundle_body(std::string_view body, const Head& head) {
  MsgpackCursor in(body);
  std::size_t parts = 0;
  if (!in.read_array(parts)) return fail(in, "the bundle", "an array");
  if (parts > head.count) {
    return fail("the bundle has " + std::to_string(parts) + " parts for " +
                std::to_string(head.count) + " jobs");
  }
  out_.jobs.reserve(head.count);
  for (std::size_t i = 0; i < parts; ++i) {
    std::string_view part;
    if (!in.read_bin(part)) {
      fail(in, "the envelope", "a bin");
      return blame("part", i);
    }
    if (!this->part(part, head)) return blame("part", i);
    if (out_.jobs.size() > head.count) break;
  }
  if (out_.jobs.size() != head.count) {
    return fail("the parts of the bundle do not hold the " + std::to_string(head.count) +
                " jobs that the head says");
  }
  return in.at_end() || fail("the bundle is followed by other bytes");
}

bool Decoder::part(std::string_view bytes, const Head& bundle) {
  const std::size_t jobs = out_.jobs.size();
  const std::size_t buffers = out_.inflated.size();
  const std::size_t inflated = inflated_bytes_;
  if (envelope(bytes, true)) return true;
  if (bad_parts_ == BadParts::fail) return false;
  BadPart bad;
  bad.first = jobs;
  bad.bytes = bytes;
  bad.newer = std::exchange(out_.newer, false);
  // Behind others it had less room than it would have alone.
  bad.lacks_room = std::exchange(inflate_failed_, false) && inflated > 0;
  bad.why = std::exchange(error_, {});
  Head head;
  bool has_death = false;
  if (read_head(bytes, head, has_death) != 0) bad.jobs = head.count;
  out_.jobs.resize(jobs);
  out_.inflated.resize(buffers);
  inflated_bytes_ = inflated;
  for (std::size_t i = 0; i < bad.jobs && out_.jobs.size() <= bundle.count; ++i) {
    out_.jobs.emplace_back().id = id_after(head.first_id, i);
  }
  out_.bad_parts.push_back(std::move(bad));
  return true;
}

bool Decoder::read_kinds(MsgpackCursor& in, KindTable& kinds) {
  std::size_t count = 0;
  if (!in.read_array(count)) return fail(in, "the kind table", "an array");
  if (count > max_jobs_in_envelope) return fail("the kind table has more than 1000 kinds");
  for (std::size_t i = 0; i < count; ++i) {
    std::string_view kind;
    if (!in.read_str(kind)) {
      fail(in, "the name", "a str");
      return blame("kind", i);
    }
    if (!is_name(kind)) {
      fail("the name is not 1 to 64 of A-Z a-z 0-9 _ . -");
      return blame("kind", i);
    }
    kinds.add(kind);
  }
  return true;
}

bool Decoder::read_job(MsgpackCursor& in, const KindTable& kinds, std::int64_t base_us,
                       std::uint8_t flags, StoredJob& job) {
  std::size_t fields = 0;
  if (!in.read_array(fields)) return fail(in, "the job", "an array of 3 or 4");
  if (fields != 3 && fields != 4) {
    return fail("the job has " + std::to_string(fields) + " fields, not 3 or 4");
  }
  std::uint64_t kind = 0;
  if (!in.read_uint(kind)) return fail(in, "kind index", "an unsigned integer");
  if (kind >= kinds.size()) {
    return fail("kind index " + std::to_string(kind) + " is outside of the " +
                std::to_string(kinds.size()) + " kinds");
  }
  job.kind = kinds[static_cast<std::size_t>(kind)];
  std::int64_t offset_us = 0;
  std::int64_t enqueued_us = 0;
  if (!in.read_int(offset_us)) return fail(in, "enqueue time", "an integer");
  if (__builtin_add_overflow(base_us, offset_us, &enqueued_us) || enqueued_us < 0 ||
      enqueued_us > static_cast<std::int64_t>(max_time_ms * 1000)) {
    return fail("enqueue time is not between 1970 and 2200");
  }
  job.enqueued_us = static_cast<std::uint64_t>(enqueued_us);
  if (!in.read_bin(job.payload)) {
    if (in.problem() == MsgpackCursor::Problem::cut_off) {
      return fail("payload length runs past the end of the envelope");
    }
    return fail("payload is not a bin");
  }
  if (job.payload.size() > max_payload_bytes) {
    return fail("payload has " + std::to_string(job.payload.size()) + " bytes, more than " +
                std::to_string(max_payload_bytes));
  }
  if (fields == 4) return read_extras(in, flags, job);
  return (flags & flag_own_ids) == 0 ||
         fail("the job carries no id of its own, though own_ids is set");
}

bool Decoder::read_extras(MsgpackCursor& in, std::uint8_t flags, StoredJob& job) {
  const bool own_id = (flags & flag_own_ids) != 0;
  std::size_t pairs = 0;
  if (!in.read_map(pairs)) return fail(in, "extras", "a map");
  Extras* extras = nullptr;
  bool has_id = false;
  for (std::size_t i = 0; i < pairs; ++i) {
    std::uint64_t key = 0;
    if (!in.next_is_integer() || !in.read_uint(key)) {
      if (!in.skip() || !in.skip()) return fail(in, "extras", "msgpack");
      continue;
    }
    if (key == 0) {
      std::string_view id;
      if (!in.read_bin(id)) return fail(in, "id", "a bin of 16");
      if (id.size() != job.id.bytes.size()) return fail("id is not a bin of 16");
      if (!own_id) return fail("the job carries an id, though own_ids is not set");
      std::memcpy(job.id.bytes.data(), id.data(), id.size());
      has_id = true;
    } else if (key <= 9) {
      if (!out_.extras) out_.extras.emplace();
      if (extras == nullptr) extras = &out_.extras->emplace_back();
      if (!read_extra(in, key, *extras)) return false;
    } else if (!in.skip()) {
      return fail(in, "extras", "msgpack");
    }
  }
  job.extras = extras;
  const bool sealed = extras != nullptr && !extras->key_id.empty();
  if (sealed && (flags & flag_sealed) == 0)
    return fail("the job has a key id, though sealed is not set");
  return has_id || !own_id || fail("the job carries no id of its own, though own_ids is set");
}

bool Decoder::read_extra(MsgpackCursor& in, std::uint64_t key, Extras& extras) {
  switch (key) {
    case 1:
      return read_bounded(in, "expires at", max_time_ms, extras.expires_at_ms);
    case 2:
      return read_bounded(in, "attempts", max_count_of_runs, extras.attempts);
    case 3:
      return read_bounded(in, "max attempts", max_attempts_bound, extras.max_attempts);
    case 4:
      if (!read_text(in, "traceparent", traceparent_bytes, extras.traceparent)) return false;
      return extras.traceparent.empty() || extras.traceparent.size() == traceparent_bytes ||
             fail("traceparent has not 55 characters");
    case 5:
      return read_text(in, "batch key", max_batch_key_bytes, extras.batch_key);
    case 6:
      return read_text(in, "last reason", max_reason_bytes, extras.last_reason);
    case 7:
      return read_headers(in, extras);
    case 8:
      return read_key_id(in, extras.key_id);
    default:
      return read_bounded(in, "latency budget", max_latency_budget_ms, extras.latency_budget_ms);
  }
}

bool Decoder::read_key_id(MsgpackCursor& in, std::string_view& key_id) {
  return read_text(in, "key id", max_key_id_bytes, key_id) &&
         (is_name(key_id) || fail("key id is not 1 to 32 of A-Z a-z 0-9 _ . -"));
}

bool Decoder::read_headers(MsgpackCursor& in, Extras& extras) {
  std::size_t pairs = 0;
  if (!in.read_map(pairs)) return fail(in, "headers", "a map");
  if (pairs > max_headers) {
    return fail("headers has " + std::to_string(pairs) + " entries, more than " +
                std::to_string(max_headers));
  }
  extras.headers.clear();
  extras.headers.reserve(pairs);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < pairs; ++i) {
    std::string_view name;
    std::string_view value;
    if (!in.read_str(name)) return fail(in, "header name", "a str");
    if (!in.read_str(value)) return fail(in, "header value", "a str");
    bytes += name.size() + value.size();
    extras.headers.emplace_back(name, value);
  }
  return bytes <= max_header_bytes || fail("headers has " + std::to_string(bytes) +
                                           " bytes, more than " + std::to_string(max_header_bytes));
}

bool Decoder::read_death(MsgpackCursor& in) {
  std::size_t pairs = 0;
  if (!in.read_map(pairs)) return fail(in, "death", "a map");
  Death death;
  for (std::size_t i = 0; i < pairs; ++i) {
    std::uint64_t key = 0;
    if (!in.next_is_integer() || !in.read_uint(key)) {
      if (!in.skip() || !in.skip()) return fail(in, "death", "msgpack");
    } else if (key == 0) {
      if (!read_text(in, "reason of death", max_reason_bytes, death.reason)) return false;
    } else if (key == 1) {
      if (!read_bounded(in, "time of death", max_time_ms, death.died_at_ms)) return false;
    } else if (key == 2) {
      if (!read_bounded(in, "deliveries", max_count_of_runs, death.deliveries)) return false;
    } else if (!in.skip()) {
      return fail(in, "death", "msgpack");
    }
  }
  out_.death = death;
  return true;
}

template <typename Number>
bool Decoder::read_bounded(MsgpackCursor& in, std::string_view what, std::uint64_t most,
                           Number& value) {
  std::uint64_t read = 0;
  if (!in.read_uint(read)) return fail(in, what, "an unsigned integer");
  value = static_cast<Number>(read);
  return read <= most || fail(std::string(what) + " is " + std::to_string(read) + ", more than " +
                              std::to_string(most));
}

bool Decoder::read_text(MsgpackCursor& in, std::string_view what, std::size_t most_bytes,
                        std::string_view& value) {
  if (!in.read_str(value)) return fail(in, what, "a str");
  return value.size() <= most_bytes ||
         fail(std::string(what) + " has " + std::to_string(value.size()) + " bytes, more than " +
              std::to_string(most_bytes));
}

}  // namespace

std::string decode(std::string_view bytes, StoredEnvelope& out, BadParts bad_parts) {
  out.head = {};
  out.jobs.clear();
  out.death.reset();
  out.opaque = {};
  out.extras.reset();
  out.inflated.clear();
  out.bad_parts.clear();
  Decoder decoder(out, bad_parts);
  if (decoder.envelope(bytes, false)) return {};
  return decoder.error();
}

}  // namespace ferry::wire
