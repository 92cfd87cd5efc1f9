#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/envelope_sizes.hpp"
#include "client/spare_memory.hpp"
#include "ferry/job.hpp"
#include "wire/envelope.hpp"

namespace ferry::detail {

struct CargoLimits {
  std::size_t max_jobs_per_envelope = 256;
  std::size_t max_bytes_per_envelope = 32 * 1024;
  std::size_t compress_from_bytes = 0;
  /// One call stays short for Redis: every other client waits while it runs.
  std::size_t max_envelopes = 256;
  std::size_t max_bytes = 256 * 1024;
  std::size_t max_jobs = 64 * 1000;
  /// Of slow kinds an envelope carries fewer jobs; null = nothing is known.
  std::shared_ptr<const EnvelopeSizes> sizes{};
};

/// The jobs of one flight, packed into envelopes by where they go; pure, no I/O.
///
/// First it takes jobs in; `seal` closes it; then it is sent in one slice, or in several when the
/// queue has room for a part only.
///
/// Threads: one thread at a time.
class Cargo {
 public:
  /// Jobs with the same place may share an envelope.
  struct Place {
    Priority priority = Priority::normal;
    std::chrono::milliseconds run_after{0};
    bool operator==(const Place&) const = default;
  };
  struct Part {
    Place place;
    std::size_t jobs = 0;
    std::string bytes;
  };

  /// A job that is taken out again.
  struct Named {
    JobId id;
    std::string kind;
  };

  /// `spare` is used by `add`; null = none.
  explicit Cargo(const CargoLimits& limits, SpareMemory* spare = nullptr)
      : limits_(limits), spare_(spare) {}

  /// Returns: whether one more job fits into this call. An empty cargo takes any job.
  bool takes(const Place& place, std::string_view kind, std::size_t payload_bytes) const;

  /// `own_id`: of a job that has one already; null: it gets the next one of its envelope. Either
  /// all jobs of a cargo have one or none.
  JobId add(const Place& place, std::string_view kind, std::string_view payload,
            std::uint64_t now_us, const wire::Extras* extras, wire::JobIdSource& ids,
            const JobId* own_id = nullptr);

  /// Returns: whether it is worth a call of its own while another one is under way.
  bool large() const {
    return bytes_ >= limits_.max_bytes / 4 ||
           lanes_.size() + parts_.size() >= limits_.max_envelopes / 4;
  }

  /// Jobs not stored yet.
  std::size_t jobs() const { return jobs_; }
  /// Payload bytes taken in, roughly.
  std::size_t bytes() const { return bytes_; }

  /// Takes out the jobs whose time has passed; costs nothing while there are none.
  ///
  std::vector<Named> drop_expired(std::uint64_t now_ms);
  /// Units: ms since 1970; 0 = no job expires.
  std::uint64_t earliest_expiry_ms() const { return earliest_expiry_ms_; }

  /// Takes out the jobs that are larger than this even in an envelope of their own: no call could
  /// ever store them. After `seal`.
  std::vector<Named> drop_larger_than(std::int64_t envelope_bytes);

  /// Finishes all envelopes; nothing can be added afterwards.
  void seal();
  bool sealed() const { return sealed_; }

  /// The envelopes to send in the next call.
  std::span<const Part> slice() const { return std::span(parts_).subspan(next_, slice_); }
  std::size_t slice_jobs() const;
  /// Units: bytes of its largest envelope.
  std::size_t slice_largest() const;
  /// The slice is stored: the next one is all that is left.
  void slice_stored();
  /// Makes the slice small enough for the room left in the queue.
  ///
  /// Returns: false when it cannot become smaller than it is, or no job would fit.
  bool shrink_slice(std::int64_t room_jobs, std::int64_t room_bytes);

  /// Throws all envelopes away, for others to use their memory.
  void give_memory_to(SpareMemory& spare);

  bool partly_stored() const { return next_ > 0; }
  /// All jobs that are not stored. After `seal`.
  std::vector<Named> jobs_left() const;

 private:
  struct Lane {
    Place place;
    wire::EnvelopeWriter writer;
    double filled = 0;  ///< by jobs of kinds whose envelopes have a size
  };

  double part_of(std::string_view kind) const;
  bool fits(const Lane& lane, std::string_view kind, std::size_t payload_bytes) const;
  void close(Lane& lane);
  template <typename Goes>
  std::vector<Named> take_out(Goes goes);
  bool split_first(std::size_t jobs);
  Part pack(const Place& place, std::span<const wire::StoredJob> jobs) const;

  CargoLimits limits_;
  SpareMemory* spare_;
  std::vector<Lane> lanes_;
  std::vector<Part> parts_;
  std::size_t next_ = 0;   ///< parts before it are stored
  std::size_t slice_ = 0;  ///< parts in the next call
  std::size_t jobs_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t earliest_expiry_ms_ = 0;
  bool sealed_ = false;
};

/// Returns: the ids of these jobs, in the same order.
std::vector<JobId> ids_of(const std::vector<Cargo::Named>& jobs);

}  // namespace ferry::detail
