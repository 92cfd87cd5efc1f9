#include "stages/run.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "batching/bisect.hpp"

namespace ferry::detail {
namespace {

std::chrono::system_clock::time_point at_us(std::uint64_t us) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::microseconds(us)));
}

JobContext context_of(const LeasedEnvelope& envelope, std::uint32_t index,
                      const std::vector<std::string>& queue_names) {
  const wire::StoredJob& job = envelope.stored.jobs[index];
  JobContext context;
  context.id = job.id;
  context.kind = job.kind;
  context.queue = queue_names[envelope.queue];
  context.priority = envelope.priority;
  context.enqueued_at = at_us(job.enqueued_us);
  if (index < envelope.progress.size() && envelope.progress[index] >= '1' &&
      envelope.progress[index] <= '9') {
    context.deliveries = envelope.progress[index] - '0';
  }
  if (job.extras != nullptr) {
    const wire::Extras& extras = *job.extras;
    context.attempt = extras.attempts + 1;
    if (extras.expires_at_ms != 0) context.expires_at = at_us(extras.expires_at_ms * 1000);
    context.traceparent = extras.traceparent;
    context.batch_key = extras.batch_key;
    context.headers = extras.headers;
  }
  return context;
}

/// Runs the handler once over `batch`.
///
/// Returns: the reason when it threw.
std::optional<std::string> attempt(const RawHandler& handler, RawBatch& batch) {
  try {
    handler.run(batch);
    return std::nullopt;
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

void mark_rest_done(RawBatch& batch) {
  for (RawItem& item : batch.items) {
    if (!item.marked) item.outcome = done();
    item.marked = true;
  }
}

/// Runs `part` of the batch as a batch of its own and copies the outcomes back.
void run_part(const RawHandler& handler, RawBatch& batch, const std::vector<std::size_t>& part) {
  RawBatch smaller{batch.id, batch.reason, {}};
  for (const std::size_t i : part) smaller.items.push_back(batch.items[i]);
  run_handler(handler, smaller);
  for (std::size_t i = 0; i < part.size(); ++i) {
    batch.items[part[i]] = std::move(smaller.items[i]);
  }
}

}  // namespace

std::optional<std::size_t> GroupCursor::next() {
  const std::lock_guard lock(mutex_);
  ended_ = begun_;
  if (begun_ == end_) return std::nullopt;
  return begun_++;
}

GroupCursor::Ended GroupCursor::take_ended() {
  const std::lock_guard lock(mutex_);
  const Ended ended{told_, ended_};
  told_ = ended_;
  return ended;
}

GroupCursor::Ended GroupCursor::take_rest() {
  const std::lock_guard lock(mutex_);
  const Ended rest{begun_, end_};
  end_ = begun_;
  return rest;
}

std::size_t GroupCursor::begun() const {
  const std::lock_guard lock(mutex_);
  return begun_;
}

void run_group(const RawHandler& handler, Run& run) {
  RawBatch single{run.batch.id, run.batch.reason, std::vector<RawItem>(1)};
  while (const auto i = run.cursor.next()) {
    single.items[0] = run.batch.items[*i];
    run_handler(handler, single);
    run.batch.items[*i] = std::move(single.items[0]);
  }
}

std::uint64_t ticket_of(const Run& run) {
  const auto again = [](const RawItem& item) { return item.outcome.kind == OutcomeKind::retry; };
  return run.ticket != 0 && std::ranges::any_of(run.batch.items, again) ? 0 : run.ticket;
}

void prepare(Run& run, const std::vector<std::string>& queue_names) {
  run.contexts.reserve(run.places.size());
  run.batch.items.reserve(run.places.size());
  for (const Run::Place& place : run.places) {
    run.contexts.push_back(context_of(*place.envelope, place.index, queue_names));
    run.batch.items.push_back(
        {&run.contexts.back(), place.envelope->stored.jobs[place.index].payload, {}, false});
  }
}

void run_handler(const RawHandler& handler, RawBatch& batch) {
  const auto thrown = attempt(handler, batch);
  if (!thrown) return mark_rest_done(batch);

  std::vector<std::size_t> unmarked;
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    if (!batch.items[i].marked) unmarked.push_back(i);
  }
  const auto parts = after_throw(unmarked, handler.options.idempotent);
  if (parts.empty()) {
    for (const std::size_t guilty : unmarked) {
      batch.items[guilty].outcome = retry(*thrown);
      batch.items[guilty].marked = true;
    }
  }
  for (const auto& part : parts) run_part(handler, batch, part);
}

}  // namespace ferry::detail
