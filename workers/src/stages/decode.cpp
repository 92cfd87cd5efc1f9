#include "stages/decode.hpp"

#include <algorithm>
#include <new>
#include <string>

#include "functions/keys.hpp"

namespace ferry::detail {
namespace {

std::uint64_t ms_since_1970(std::chrono::system_clock::time_point at) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
}

/// Looks kinds up once for each run of equal kinds: the jobs of an envelope share its kind table,
/// so equal kinds mostly are the same bytes.
class KindLookup {
 public:
  explicit KindLookup(const KindIndex& kinds) : kinds_(kinds) {}

  const std::uint32_t* find(std::string_view kind) {
    if (kind.data() != last_.data() || kind.size() != last_.size() || last_.data() == nullptr) {
      const auto at = kinds_.find(kind);
      last_ = kind;
      found_ = at == kinds_.end() ? nullptr : &at->second;
    }
    return found_;
  }

 private:
  const KindIndex& kinds_;
  std::string_view last_;
  const std::uint32_t* found_ = nullptr;
};

void bury_whole(LeasedEnvelope& envelope, const std::string& why, std::uint64_t now_ms,
                Report& report) {
  const auto head = wire::decode_head(envelope.bytes);
  const std::size_t count = head ? head->count : 1;
  const JobId first = head ? head->first_id : JobId{};
  const std::string reason = "envelope cannot be decoded: " + why;
  report.burials.push_back(
      {&envelope, wire::wrap_opaque(envelope.bytes, count, first, {reason, now_ms, 0})});
  // It may have inflated to much before it turned out to be wrong.
  envelope.stored = {};
  envelope.inflated.reset();
}

/// A part of a bundle that cannot be decoded leaves it, and the other parts go on.
void take_out(LeasedEnvelope& envelope, const wire::BadPart& part, std::uint64_t now_ms,
              Report& report) {
  Leaving leaving{&envelope, {}, Leaving::To::queue, {}, {}};
  for (std::size_t i = 0; i < part.jobs; ++i) {
    leaving.jobs.push_back(static_cast<std::uint32_t>(part.first + i));
  }
  const auto head = wire::decode_head(part.bytes);
  if (head && (part.newer || part.lacks_room)) {
    leaving.envelope_bytes = part.bytes;  // alone it waits for a newer worker, or has room
  } else {
    const std::string reason = "envelope cannot be decoded: " + part.why;
    leaving.to = Leaving::To::dead_letters;
    leaving.envelope_bytes = wire::wrap_opaque(
        part.bytes, part.jobs, envelope.stored.jobs[part.first].id, {reason, now_ms, 0});
  }
  report.leavings.push_back(std::move(leaving));
}

/// Jobs of one kind leave an envelope together.
void leave_for_others(LeasedEnvelope& envelope, std::uint32_t index, Report& report) {
  const std::string_view kind = envelope.stored.jobs[index].kind;
  for (auto at = report.leavings.rbegin(); at != report.leavings.rend(); ++at) {
    if (at->envelope != &envelope) break;
    if (!at->holder.starts_with(kind_holder) || !at->holder.ends_with(kind)) continue;
    if (at->holder.size() != kind_holder.size() + kind.size()) continue;
    return at->jobs.push_back(index);
  }
  std::string holder(kind_holder);
  holder += kind;
  report.leavings.push_back({&envelope, {index}, Leaving::To::holder, std::move(holder), {}});
}

/// How much more than a day does not matter; what is negative is the doing of clocks that differ.
std::chrono::nanoseconds within_a_day(std::chrono::microseconds time) {
  return std::clamp<std::chrono::microseconds>(time, std::chrono::microseconds{0},
                                               std::chrono::hours{24});
}

/// By the producer's clock.
std::chrono::nanoseconds age_of(const wire::StoredJob& job,
                                std::chrono::system_clock::time_point wall) {
  const auto wall_us =
      std::chrono::duration_cast<std::chrono::microseconds>(wall.time_since_epoch()).count();
  return within_a_day(
      std::chrono::microseconds{wall_us - static_cast<std::int64_t>(job.enqueued_us)});
}

/// Whether `next` stands behind the jobs of `last` in the same envelope and travels with them.
bool goes_with(const Arrival& last, const Arrival& next) {
  return last.job.token == next.job.token && last.job.index + last.jobs == next.job.index &&
         last.kind == next.kind && last.suspect == next.suspect &&
         last.batch_key == next.batch_key && last.budget == next.budget &&
         last.expires == next.expires;
}

std::string decoded(LeasedEnvelope& envelope) {
  try {
    return wire::decode(envelope.bytes, envelope.stored, wire::BadParts::list);
  } catch (const std::bad_alloc&) {
    // Not again and again, in every worker: whoever has more memory may retry the dead letter.
    return "memory is short; retry this dead letter where there is more";
  }
}

}  // namespace

Arrival arrival_of(LeasedEnvelope& envelope, std::uint32_t index, std::uint32_t kind,
                   std::chrono::steady_clock::time_point now,
                   std::chrono::system_clock::time_point wall) {
  const wire::StoredJob& job = envelope.stored.jobs[index];
  Arrival arrival;
  arrival.kind = kind;
  arrival.job = {reinterpret_cast<std::uintptr_t>(&envelope), index};
  arrival.payload_bytes = static_cast<std::uint32_t>(job.payload.size());
  arrival.priority = static_cast<std::uint8_t>(envelope.priority);
  arrival.at = now;
  arrival.age = age_of(job, wall);
  if (job.extras == nullptr) return arrival;
  arrival.batch_key = job.extras->batch_key;
  arrival.budget = std::chrono::milliseconds{job.extras->latency_budget_ms};
  if (job.extras->expires_at_ms != 0) {
    const auto left = static_cast<std::int64_t>(job.extras->expires_at_ms - ms_since_1970(wall));
    arrival.expires = now + within_a_day(std::chrono::milliseconds{left});
  }
  return arrival;
}

std::chrono::nanoseconds queued_for(const redis::StreamId& id, std::uint64_t redis_ms) {
  constexpr std::uint64_t day_ms = std::chrono::milliseconds(std::chrono::hours{24}).count();
  const std::uint64_t waited_ms = redis_ms > id.ms ? redis_ms - id.ms : 0;
  return std::chrono::milliseconds{static_cast<std::int64_t>(std::min(waited_ms, day_ms))};
}

void decode_envelope(LeasedEnvelope& envelope, const KindIndex& kinds, int max_deliveries,
                     Patience& patience, UnknownKinds& unknown,
                     std::chrono::steady_clock::time_point now,
                     std::chrono::system_clock::time_point wall, std::uint64_t redis_ms,
                     Decoded& out) {
  const std::uint64_t now_ms = ms_since_1970(wall);
  std::string why = decoded(envelope);
  const std::size_t count = envelope.stored.jobs.size();
  if (why.empty() && count == 0) why = "it is a dead letter's wrapping";
  if (why.empty() && !envelope.progress.empty() && envelope.progress.size() != count) {
    why = "its progress does not fit its jobs";
  }
  if (envelope.stored.newer && patience.lasts(envelope.place(), now)) {
    out.report.leavings.push_back(
        {&envelope, {}, Leaving::To::holder, std::string(newer_holder), {}});
    return;
  }
  // Whoever settles the last job of an envelope removes it in the same step.
  if (why.empty() && !envelope.progress.empty() &&
      envelope.progress.find_first_not_of('x') == std::string::npos) {
    why = "its progress says that all jobs are settled, yet it is still there";
  }
  if (!why.empty()) return bury_whole(envelope, why, now_ms, out.report);

  envelope.open = 0;
  envelope.marks.assign(count, JobMark::open);
  auto bad = envelope.stored.bad_parts.begin();
  for (const wire::BadPart& part : envelope.stored.bad_parts) {
    const bool gone = part.first < envelope.progress.size() && envelope.progress[part.first] == 'x';
    if (!gone) take_out(envelope, part, now_ms, out.report);
  }
  KindLookup lookup(kinds);
  const auto queued = queued_for(envelope.id, redis_ms == 0 ? now_ms : redis_ms);
  for (std::uint32_t i = 0; i < count; ++i) {
    const char mark = envelope.progress.empty() ? '.' : envelope.progress[i];
    if (mark == 'x') {
      envelope.marks[i] = JobMark::settled;
      continue;
    }
    ++envelope.open;
    while (bad != envelope.stored.bad_parts.end() && i >= bad->first + bad->jobs) ++bad;
    if (bad != envelope.stored.bad_parts.end() && i >= bad->first) continue;
    const wire::StoredJob& job = envelope.stored.jobs[i];
    const wire::Extras* extras = job.extras;
    if (extras != nullptr && extras->expires_at_ms != 0 && extras->expires_at_ms <= now_ms) {
      out.report.settlements.push_back({&envelope, i, Verb::expired, 0});
      continue;
    }
    const int attempts = extras == nullptr ? 0 : extras->attempts;
    const int deliveries = mark >= '1' && mark <= '9' ? mark - '0' : 0;
    if (deliveries >= max_deliveries) {
      bury_job(out.report, envelope, i,
               "was running in " + std::to_string(deliveries) + " workers that died", attempts,
               deliveries, now_ms);
      continue;
    }
    const std::uint32_t* kind = lookup.find(job.kind);
    if (kind == nullptr && unknown.wait(job.kind)) {
      leave_for_others(envelope, i, out.report);
      continue;
    }
    if (kind == nullptr) {
      bury_job(out.report, envelope, i,
               "no handler for kind " + std::string(job.kind) +
                   "; start a worker that has one, then retry this dead letter",
               attempts, deliveries, now_ms);
      continue;
    }
    Arrival arrival = arrival_of(envelope, i, *kind, now, wall);
    arrival.queued = queued;
    if (envelope.suspect) arrival.suspect = suspect_after(deliveries, max_deliveries);
    if (!out.arrivals.empty() && goes_with(out.arrivals.back(), arrival)) {
      out.arrivals.back().payload_bytes += arrival.payload_bytes;
      ++out.arrivals.back().jobs;
      out.arrivals.back().age = std::max(out.arrivals.back().age, arrival.age);
    } else {
      out.arrivals.push_back(arrival);
    }
  }
  envelope.unreported = envelope.open;
}

}  // namespace ferry::detail
