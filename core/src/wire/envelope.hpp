#pragma once

// The bytes of an envelope, version 1. All of it is msgpack, so any client in any language can
// write and read it (see core/PROTOCOL.md and tests/unit/golden/).
//
//   envelope = [version=1, flags, count, first id: bin 16, body: bin]            jobs on their way
//            = [version=1, flags, count, first id: bin 16, body: bin, death]     a dead letter
//   flags      1 zstd    body is one zstd frame
//              2 own_ids each job carries its id (else: first id + position)
//              4 bundle  body = [envelope: bin, …], none of them a bundle; made by promote
//              8 opaque  body = the raw bytes of an envelope that could not be decoded
//              16 sealed the payload of some job is sealed: extras 8
//   body     = [base time µs since 1970, [kind: str, …], [job, …]]
//   job      = [kind index, µs after the base time, payload: bin]  or the same with extras: map
//              (negative for a job that is older than the first one)
//   extras   = {0: id bin 16, 1: expires at (ms since 1970), 2: attempts so far, 3: max attempts,
//               4: traceparent str, 5: batch key str, 6: last reason str, 7: {header: value},
//               8: key id str: payload = nonce 24, ciphertext, tag 16; see
//               secrets/payload_keys.hpp, 9: latency budget ms}
//   death    = {0: reason str, 1: died at (ms since 1970), 2: deliveries}
//
// Unknown keys in extras and death are passed over; an unknown version or flag is not decoded.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/job.hpp"
#include "wire/limits.hpp"

namespace ferry::wire {

inline constexpr std::uint8_t envelope_version = 1;
enum Flag : std::uint8_t {
  flag_zstd = 1,
  flag_own_ids = 2,
  flag_bundle = 4,
  flag_opaque = 8,
  flag_sealed = 16,
};

/// What few jobs carry. Views point into the envelope's bytes.
struct Extras {
  std::uint64_t expires_at_ms = 0;  ///< 0 = never
  int attempts = 0;                 ///< runs that reported an outcome, so far
  int max_attempts = 0;             ///< 0 = the worker's default
  std::string_view traceparent{};
  std::string_view batch_key{};
  std::string_view last_reason{};
  std::vector<std::pair<std::string_view, std::string_view>> headers{};
  std::string_view key_id{};  ///< of the key that sealed the payload; empty = it is plain
  int latency_budget_ms = 0;  ///< 0 = that of the worker's policy
};

/// One job as stored. Views point into the decoded envelope or into the bytes it was decoded from.
struct StoredJob {
  JobId id;
  std::string_view kind;
  std::string_view payload;
  std::uint64_t enqueued_us = 0;   ///< since 1970
  const Extras* extras = nullptr;  ///< null = all defaults
};

struct Death {
  std::string_view reason;
  std::uint64_t died_at_ms = 0;
  int deliveries = 0;
};

struct Head {
  std::uint8_t version = 0;
  std::uint8_t flags = 0;
  std::size_t count = 0;
  JobId first_id;
};

/// A part of a bundle that could not be decoded. Its jobs stand in the envelope's list all the
/// same, without kind and payload, so that positions are what they are.
struct BadPart {
  std::size_t first = 0;     ///< position of its first job
  std::size_t jobs = 1;      ///< as its head says; 1 when that cannot be read
  std::string_view bytes{};  ///< the part as it is stored
  std::string why{};         ///< a sentence, for a dead letter's reason
  bool newer = false;        ///< a later version of Ferry wrote it
  bool lacks_room = false;   ///< beside the parts before it; alone it may well be decoded
};

/// A decoded envelope. Owns what decoding had to make (inflated bodies, extras), nothing else: the
/// bytes it was decoded from must outlive it.
struct StoredEnvelope {
  Head head;
  std::vector<StoredJob> jobs;
  std::optional<Death> death;
  bool newer = false;       ///< could not be decoded: a later version of Ferry wrote it
  std::string_view opaque;  ///< the raw bytes under flag_opaque; `jobs` is empty then
  std::optional<std::deque<Extras>> extras;  ///< an empty deque would allocate
  std::vector<std::unique_ptr<char[]>> inflated;
  std::vector<BadPart> bad_parts;  ///< only where they were to be passed over

  /// Not told by `opaque`: the bytes that could not be decoded may have been none.
  bool is_opaque() const { return (head.flags & flag_opaque) != 0; }
};

/// Decodes under all limits: nothing is allocated beyond a small multiple of the bytes given, or
/// `max_inflated_bytes` when they are compressed.
///
/// `bad_parts`: whether parts of a bundle that cannot be decoded make the whole fail, or are
/// listed.
///
/// Returns: an empty string, else why the bytes cannot be decoded (for a dead letter's reason);
/// `out` may be half filled then.
enum class BadParts : bool { fail, list };
std::string decode(std::string_view bytes, StoredEnvelope& out,
                   BadParts bad_parts = BadParts::fail);

/// Reads the head alone, exactly as the functions do, so that both count alike: it also reads the
/// head of an envelope that cannot be decoded.
std::optional<Head> decode_head(std::string_view bytes);

/// Collects jobs into one envelope.
///
/// Threads: one thread at a time.
class EnvelopeWriter {
 public:
  /// Jobs get `first_id`, `first_id` + 1, … in order. `memory` is written over and used.
  explicit EnvelopeWriter(const JobId& first_id, std::string memory = {});

  /// Extras may be null; a reason longer than `max_reason_bytes` is cut.
  ///
  /// Errors: `oversized` for a payload above `max_payload_bytes`.
  void add(std::string_view kind, std::string_view payload, std::uint64_t enqueued_us,
           const Extras* extras = nullptr);

  /// Adds a job that keeps its own id: a job that moves. One envelope holds moved jobs only, or
  /// none.
  void add_moved(const StoredJob& job, const Extras* extras);

  /// Makes room for so many bytes of jobs, and for what `finish` puts before them.
  void reserve(std::size_t bytes);

  std::size_t jobs() const { return jobs_; }
  /// Bytes so far, before compression, without the head.
  std::size_t bytes() const { return jobs_bytes_.size(); }
  const JobId& first_id() const { return first_id_; }

  /// Returns: the envelope; compressed when its body has at least `compress_from_bytes` (0 = never)
  /// and becomes smaller. The writer is empty afterwards and must not be used again.
  std::string finish(std::size_t compress_from_bytes = 0,
                     const std::optional<Death>& death = std::nullopt);

 private:
  std::uint64_t kind_index(std::string_view kind);
  void note_sealed(const Extras* extras);

  JobId first_id_;
  std::vector<std::string> kinds_;
  std::string jobs_bytes_;
  std::size_t jobs_ = 0;
  std::uint64_t base_us_ = 0;
  std::uint8_t flags_ = 0;
};

/// Wraps bytes that could not be decoded, with the reason, for the dead letters.
std::string wrap_opaque(std::string_view bytes, std::size_t count, const JobId& first_id,
                        const Death& death);

/// Makes UUIDv7 ids whose low 62 bits leave room for `max_jobs_in_envelope` successors.
///
/// Threads: one thread at a time.
class JobIdSource {
 public:
  JobIdSource();
  JobId next(std::uint64_t now_ms);

 private:
  std::uint64_t state_[2];
};

/// Returns: the id `offset` places after `first`.
JobId id_after(const JobId& first, std::size_t offset);

}  // namespace ferry::wire
