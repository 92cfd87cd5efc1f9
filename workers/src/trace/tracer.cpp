#include "trace/tracer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <utility>

#include "ferry/error.hpp"
#include "trace/trace_file.hpp"

namespace ferry::detail {
namespace {

std::int64_t wall_offset_us() {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  const auto steady = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return duration_cast<microseconds>(wall).count() - duration_cast<microseconds>(steady).count();
}

TracedBatch batch_of(const Run& run) {
  TracedBatch batch;
  batch.id = run.batch.id;
  batch.kind = run.kind;
  batch.queue = run.places.front().envelope->queue;
  batch.reason = run.batch.reason;
  batch.jobs = run.places.size();
  batch.started = run.started;
  const auto oldest = std::ranges::min_element(
      run.places, {}, [](const Run::Place& place) { return place.envelope->arrived; });
  batch.arrived = oldest->envelope->arrived;
  batch.credit = run.busy_when_left - oldest->envelope->busy_before;
  return batch;
}

}  // namespace

Tracer::Tracer(std::string file, std::size_t max_jobs, TraceRecords names)
    : file_(std::move(file)), max_jobs_(max_jobs), records_(std::move(names)) {
  // Better now than after a day of work; what is there stays until there is something better.
  if (!std::ofstream(file_, std::ios::app)) {
    throw Error(ErrorCode::invalid_argument,
                "trace_file " + file_ + " cannot be written: " + std::strerror(errno));
  }
  records_.wall_offset_us = wall_offset_us();
  std::random_device random;
  records_.seed = std::uint64_t{random()} << 32U | random() | 1U;
}

void Tracer::ended(const Run& run, GroupCursor::Ended jobs, Clock::time_point now) {
  bool first = true;
  for (std::size_t i = jobs.from; i < jobs.to; ++i) {
    if (!Sample{mask_.load(std::memory_order_relaxed)}.has(run.contexts[i].id)) continue;
    const std::lock_guard lock(mutex_);
    if (records_.jobs.size() >= max_jobs_ && !make_room()) return;
    if (!Sample{mask_.load(std::memory_order_relaxed)}.has(run.contexts[i].id)) continue;
    if (std::exchange(first, false)) {
      batch_for(run, jobs).ended = now;
    }
    keep(run, i, now);
  }
}

/// A slow group comes by once for those that have ended and once more for the last.
TracedBatch& Tracer::batch_for(const Run& run, GroupCursor::Ended jobs) {
  if (jobs.from > 0) {
    const auto known = std::ranges::find(records_.batches.rbegin(), records_.batches.rend(),
                                         run.batch.id, &TracedBatch::id);
    if (known != records_.batches.rend()) return *known;
  }
  return records_.batches.emplace_back(batch_of(run));
}

void Tracer::keep(const Run& run, std::size_t place, Clock::time_point now) {
  const JobContext& context = run.contexts[place];
  const LeasedEnvelope& envelope = *run.places[place].envelope;
  TracedJob job;
  job.id = context.id;
  job.kind = run.kind;
  job.queue = envelope.queue;
  job.batch = run.batch.id;
  job.attempt = context.attempt;
  job.deliveries = context.deliveries;
  job.enqueued_us = envelope.stored.jobs[run.places[place].index].enqueued_us;
  job.arrived = envelope.arrived;
  job.started = run.started;
  job.ended = now;
  job.credit = run.busy_when_left - envelope.busy_before;
  job.traceparent = context.traceparent;
  places_[{job.id, job.attempt}] = records_.jobs.size();
  records_.jobs.push_back(std::move(job));
}

/// Returns: whether there is room now; not when a handful of jobs with countless attempts is left.
bool Tracer::make_room() {
  Sample sample{mask_.load(std::memory_order_relaxed)};
  while (records_.jobs.size() >= max_jobs_) {
    const Sample smaller = sample.halved();
    if (smaller.mask == sample.mask) return false;
    sample = smaller;
    std::erase_if(records_.jobs, [&](const TracedJob& job) { return !sample.has(job.id); });
  }
  mask_.store(sample.mask, std::memory_order_relaxed);
  records_.one_job_in = sample.mask + 1;
  std::set<std::uint64_t> batches;
  places_.clear();
  for (std::size_t i = 0; i < records_.jobs.size(); ++i) {
    batches.insert(records_.jobs[i].batch);
    places_[{records_.jobs[i].id, records_.jobs[i].attempt}] = i;
  }
  std::erase_if(records_.batches,
                [&](const TracedBatch& batch) { return !batches.contains(batch.id); });
  return true;
}

void Tracer::told(const LeasedEnvelope& envelope, Clock::time_point now) {
  const Sample sample{mask_.load(std::memory_order_relaxed)};
  for (std::size_t i = 0; i < envelope.marks.size(); ++i) {
    const wire::StoredJob& job = envelope.stored.jobs[i];
    if (envelope.marks[i] != JobMark::done || !sample.has(job.id)) continue;
    note_end(job, TracedEnd::done, now);
  }
  for (const Move& move : envelope.moves) {
    const wire::StoredJob& job = envelope.stored.jobs[move.index];
    if (move.to == MoveTo::same_attempt || !sample.has(job.id)) continue;
    note_end(job, move.to == MoveTo::dead_letters ? TracedEnd::dead : TracedEnd::retry, now);
  }
}

void Tracer::note_end(const wire::StoredJob& job, TracedEnd end, Clock::time_point now) {
  const int attempt = (job.extras == nullptr ? 0 : job.extras->attempts) + 1;
  const std::lock_guard lock(mutex_);
  const auto found = places_.find({job.id, attempt});
  if (found == places_.end()) return;
  TracedJob& traced = records_.jobs[found->second];
  traced.end = end;
  traced.told = now;
}

TraceRecords Tracer::records() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

std::string Tracer::write() const {
  const std::string text = trace_text(records());
  const std::string unfinished = file_ + ".unfinished";
  std::ofstream out(unfinished, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  // Whoever reads it meanwhile sees the old one or the new one, never half of it.
  if (out && std::rename(unfinished.c_str(), file_.c_str()) == 0) return "";
  return std::strerror(errno);
}

}  // namespace ferry::detail
