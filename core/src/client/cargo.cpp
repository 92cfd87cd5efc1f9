#include "client/cargo.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>
#include <utility>

namespace ferry::detail {
namespace {

/// What a job costs beside its payload, at most, without extras.
constexpr std::size_t job_overhead_bytes = 24;

bool expired(const wire::StoredJob& job, std::uint64_t now_ms) {
  return job.extras != nullptr && job.extras->expires_at_ms != 0 &&
         job.extras->expires_at_ms <= now_ms;
}

/// Our own bytes: that they can be decoded is tested, so a failure is a bug.
wire::StoredEnvelope decode_own(const std::string& bytes) {
  wire::StoredEnvelope envelope;
  [[maybe_unused]] const std::string problem = wire::decode(bytes, envelope);
  assert(problem.empty());
  return envelope;
}

}  // namespace

std::vector<JobId> ids_of(const std::vector<Cargo::Named>& jobs) {
  std::vector<JobId> ids;
  ids.reserve(jobs.size());
  for (const Cargo::Named& job : jobs) ids.push_back(job.id);
  return ids;
}

double Cargo::part_of(std::string_view kind) const {
  return limits_.sizes == nullptr ? 0 : limits_.sizes->part_of(kind);
}

bool Cargo::fits(const Lane& lane, std::string_view kind, std::size_t payload_bytes) const {
  constexpr double rounding = 1e-9;
  return lane.writer.jobs() < limits_.max_jobs_per_envelope &&
         lane.filled + part_of(kind) <= 1 + rounding &&
         lane.writer.bytes() + payload_bytes + job_overhead_bytes <= limits_.max_bytes_per_envelope;
}

bool Cargo::takes(const Place& place, std::string_view kind, std::size_t payload_bytes) const {
  if (sealed_) return false;
  if (jobs_ == 0) return true;
  if (jobs_ >= limits_.max_jobs || bytes_ + payload_bytes > limits_.max_bytes) return false;
  if (lanes_.size() + parts_.size() < limits_.max_envelopes) return true;
  const auto lane = std::ranges::find(lanes_, place, &Lane::place);
  return lane != lanes_.end() && fits(*lane, kind, payload_bytes);
}

void Cargo::close(Lane& lane) {
  const std::size_t jobs = lane.writer.jobs();
  parts_.push_back({lane.place, jobs, lane.writer.finish(limits_.compress_from_bytes)});
}

JobId Cargo::add(const Place& place, std::string_view kind, std::string_view payload,
                 std::uint64_t now_us, const wire::Extras* extras, wire::JobIdSource& ids,
                 const JobId* own_id) {
  const auto first_id = [&] { return own_id != nullptr ? *own_id : ids.next(now_us / 1000); };
  auto lane = std::ranges::find(lanes_, place, &Lane::place);
  if (lane == lanes_.end()) {
    lane = lanes_.insert(lanes_.end(), {place, wire::EnvelopeWriter(first_id()), 0});
    lane->writer.reserve(payload.size() + job_overhead_bytes);
  } else if (!fits(*lane, kind, payload.size())) {
    const std::size_t like_the_last = lane->writer.bytes() + payload.size() + job_overhead_bytes;
    close(*lane);
    lane->writer = wire::EnvelopeWriter(
        first_id(), spare_ == nullptr ? std::string{} : spare_->take(like_the_last));
    lane->writer.reserve(like_the_last);
    lane->filled = 0;
  }
  lane->filled += part_of(kind);
  JobId id = wire::id_after(lane->writer.first_id(), lane->writer.jobs());
  if (own_id == nullptr) {
    lane->writer.add(kind, payload, now_us, extras);
  } else {
    id = *own_id;
    lane->writer.add_moved({id, kind, payload, now_us}, extras);
  }
  ++jobs_;
  bytes_ += payload.size() + job_overhead_bytes;
  if (extras != nullptr && extras->expires_at_ms != 0 &&
      (earliest_expiry_ms_ == 0 || extras->expires_at_ms < earliest_expiry_ms_)) {
    earliest_expiry_ms_ = extras->expires_at_ms;
  }
  return id;
}

void Cargo::seal() {
  if (!sealed_) {
    for (Lane& lane : lanes_) close(lane);
    lanes_.clear();
    sealed_ = true;
    slice_ = parts_.size() - next_;
  }
}

Cargo::Part Cargo::pack(const Place& place, std::span<const wire::StoredJob> jobs) const {
  wire::EnvelopeWriter writer(jobs.front().id);
  for (const wire::StoredJob& job : jobs) writer.add_moved(job, job.extras);
  return {place, jobs.size(), writer.finish(limits_.compress_from_bytes)};
}

/// Takes out the jobs for which `goes(part, job)`, and packs again what they leave behind.
template <typename Goes>
std::vector<Cargo::Named> Cargo::take_out(Goes goes) {
  std::vector<Named> dropped;
  earliest_expiry_ms_ = 0;
  std::vector<Part> kept(
      std::make_move_iterator(parts_.begin()),
      std::make_move_iterator(parts_.begin() + static_cast<std::ptrdiff_t>(next_)));
  for (std::size_t i = next_; i < parts_.size(); ++i) {
    wire::StoredEnvelope envelope = decode_own(parts_[i].bytes);
    const std::size_t before = envelope.jobs.size();
    std::erase_if(envelope.jobs, [&](const wire::StoredJob& job) {
      if (!goes(parts_[i], job)) return false;
      dropped.push_back({job.id, std::string(job.kind)});
      return true;
    });
    for (const wire::StoredJob& job : envelope.jobs) {
      const std::uint64_t at = job.extras != nullptr ? job.extras->expires_at_ms : 0;
      if (at != 0 && (earliest_expiry_ms_ == 0 || at < earliest_expiry_ms_)) {
        earliest_expiry_ms_ = at;
      }
    }
    if (envelope.jobs.size() == before) {
      kept.push_back(std::move(parts_[i]));
    } else if (!envelope.jobs.empty()) {
      kept.push_back(pack(parts_[i].place, envelope.jobs));
    }
  }
  parts_ = std::move(kept);
  slice_ = parts_.size() - next_;
  jobs_ -= dropped.size();
  return dropped;
}

std::vector<Cargo::Named> Cargo::drop_expired(std::uint64_t now_ms) {
  if (earliest_expiry_ms_ == 0 || earliest_expiry_ms_ > now_ms) return {};
  for (Lane& lane : lanes_) close(lane);
  lanes_.clear();
  return take_out([&](const Part&, const wire::StoredJob& job) { return expired(job, now_ms); });
}

std::vector<Cargo::Named> Cargo::drop_larger_than(std::int64_t envelope_bytes) {
  assert(sealed_);
  const auto too_large = [&](const Part& part) {
    return static_cast<std::int64_t>(part.bytes.size()) > envelope_bytes;
  };
  if (std::ranges::none_of(slice(), too_large)) return {};
  return take_out([&](const Part& part, const wire::StoredJob& job) {
    if (!too_large(part)) return false;
    return part.jobs == 1 || too_large(pack(part.place, std::span(&job, 1)));
  });
}

std::size_t Cargo::slice_jobs() const {
  std::size_t jobs = 0;
  for (const Part& part : slice()) jobs += part.jobs;
  return jobs;
}

std::size_t Cargo::slice_largest() const {
  std::size_t largest = 0;
  for (const Part& part : slice()) largest = std::max(largest, part.bytes.size());
  return largest;
}

void Cargo::slice_stored() {
  jobs_ -= slice_jobs();
  next_ += slice_;
  slice_ = parts_.size() - next_;
}

void Cargo::give_memory_to(SpareMemory& spare) {
  for (Part& part : parts_) spare.give(std::move(part.bytes));
  parts_.clear();
  next_ = slice_ = 0;
}

bool Cargo::split_first(std::size_t jobs) {
  Part& first = parts_[next_];
  const wire::StoredEnvelope envelope = decode_own(first.bytes);
  if (jobs == 0 || jobs >= envelope.jobs.size()) return false;
  const std::span all(envelope.jobs);
  Part rest = pack(first.place, all.subspan(jobs));
  Part head = pack(first.place, all.first(jobs));
  first = std::move(head);
  parts_.insert(parts_.begin() + static_cast<std::ptrdiff_t>(next_ + 1), std::move(rest));
  return true;
}

bool Cargo::shrink_slice(std::int64_t room_jobs, std::int64_t room_bytes) {
  std::size_t fitting = 0;
  std::int64_t jobs = 0;
  std::int64_t bytes = 0;
  for (const Part& part : slice()) {
    jobs += static_cast<std::int64_t>(part.jobs);
    bytes += static_cast<std::int64_t>(part.bytes.size());
    if (jobs > room_jobs || bytes > room_bytes) break;
    ++fitting;
  }
  if (fitting == slice_) return false;  // there was room: the queue is full for another reason
  if (fitting == 0) {
    if (room_jobs <= 0 || room_bytes <= 0) return false;
    const Part& first = parts_[next_];
    // Envelopes have a head and a kind table too, so half of what seems to fit.
    const auto by_bytes = static_cast<std::int64_t>(first.bytes.size()) <= room_bytes
                              ? std::numeric_limits<std::int64_t>::max()
                              : static_cast<std::int64_t>(first.jobs) * room_bytes /
                                    static_cast<std::int64_t>(first.bytes.size()) / 2;
    const auto jobs_that_fit = std::max<std::int64_t>(std::min(room_jobs, by_bytes), 1);
    if (!split_first(static_cast<std::size_t>(jobs_that_fit))) return false;
    fitting = 1;
  }
  slice_ = fitting;
  return true;
}

std::vector<Cargo::Named> Cargo::jobs_left() const {
  assert(sealed_);
  std::vector<Named> left;
  for (std::size_t i = next_; i < parts_.size(); ++i) {
    const wire::StoredEnvelope envelope = decode_own(parts_[i].bytes);
    for (const wire::StoredJob& job : envelope.jobs) {
      left.push_back({job.id, std::string(job.kind)});
    }
  }
  return left;
}

}  // namespace ferry::detail
