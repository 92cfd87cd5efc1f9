#include "ferry/queue.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "functions/library.hpp"
#include "functions/slice.hpp"
#include "queue/queue_impl.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

constexpr std::array<std::string_view, 4> state_names{"waiting", "leased", "delayed", "dead"};

QueueCounts counts_of(const CountsReply& reply, std::int64_t leased) {
  QueueCounts counts;
  counts.accepted = reply.accepted;
  counts.leased = std::min(leased, std::max<std::int64_t>(reply.ready, 0));
  counts.waiting = reply.ready - counts.leased;
  counts.delayed = reply.delayed;
  counts.dead = reply.dead;
  counts.done = reply.done;
  counts.expired = reply.expired;
  counts.cancelled = reply.cancelled;
  counts.bytes = reply.bytes;
  counts.envelopes = reply.envelopes;
  counts.workers = reply.workers;
  counts.oldest_age = std::chrono::milliseconds{reply.oldest_age_ms};
  counts.paused = reply.paused != 0;
  return counts;
}

const RedisOptions& validated(const RedisOptions& redis) {
  redis.validate();
  return redis;
}

void require_equal(AuditReport& report, std::string_view what, std::int64_t counted,
                   std::int64_t found) {
  if (counted == found) return;
  report.violations.push_back("the books say " + std::to_string(counted) + " " + std::string(what) +
                              ", found are " + std::to_string(found));
}

AuditReport look_once(redis::Connection& connection, const Keys& keys, const CountsReply& books) {
  AuditReport report;
  std::int64_t leased = 0;
  for (std::size_t i = 0; i < priority_count; ++i) {
    const std::string& last = books.last_delivered[i];
    const auto held = count_range(connection, keys, i, "-", last);
    const auto waiting = count_range(connection, keys, i, "(" + last, "+");
    leased += held.jobs;
    report.found_in_stream += held.jobs + waiting.jobs;
    report.found_bytes += held.bytes + waiting.bytes;
  }
  const auto delayed = count_parked(connection, keys, keys.due);
  report.found_delayed = delayed.jobs;
  report.found_bytes += delayed.bytes;
  report.found_dead = count_parked(connection, keys, keys.dead).jobs;
  report.counts = counts_of(books, leased);

  require_equal(report, "jobs in the streams", books.ready, report.found_in_stream);
  require_equal(report, "delayed jobs", books.delayed, report.found_delayed);
  require_equal(report, "dead letters", books.dead, report.found_dead);
  require_equal(report, "stored bytes", books.bytes, report.found_bytes);
  require_equal(report, "entries due or dead", books.due_entries + books.dead_entries,
                books.parked_entries);
  return report;
}

}  // namespace

std::string_view to_string(JobState state) {
  return state_names.at(static_cast<std::size_t>(state));
}

std::optional<JobState> parse_job_state(std::string_view text) {
  const auto found = std::ranges::find(state_names, text);
  if (found == state_names.end()) return std::nullopt;
  return static_cast<JobState>(found - state_names.begin());
}

Queue::Impl::Impl(RedisOptions redis, std::string_view queue_name)
    : name(queue_name), keys(validated(redis).prefix, queue_name), connection_(redis) {
  wire::require_name("queue", queue_name);
}

redis::Connection& Queue::Impl::ready() {
  if (!connection_.connected()) {
    library_ready_ = false;
    connection_.connect();
  }
  if (!library_ready_) {
    ensure_library(connection_);
    library_ready_ = true;
  }
  return connection_;
}

Queue::Queue(RedisOptions redis, std::string_view name)
    : impl_(std::make_unique<Impl>(std::move(redis), name)) {}
Queue::~Queue() = default;
Queue::Queue(Queue&&) noexcept = default;
Queue& Queue::operator=(Queue&&) noexcept = default;

std::vector<std::string> Queue::list(const RedisOptions& redis) {
  redis::Connection connection(validated(redis));
  connection.connect();
  const auto answer = connection.call({"SMEMBERS", queues_key(redis.prefix)});
  std::vector<std::string> names;
  for (const redis::Reply& name : answer->root()) names.emplace_back(name.text);
  std::ranges::sort(names);
  return names;
}

const std::string& Queue::name() const { return impl_->name; }

QueueCounts Queue::counts() {
  redis::Connection& connection = impl_->ready();
  const CountsReply books = call_counts(connection, impl_->keys);
  std::int64_t leased = 0;
  for (std::size_t i = 0; i < priority_count && books.leased_envelopes > 0; ++i) {
    leased += count_range(connection, impl_->keys, i, "-", books.last_delivered[i]).jobs;
  }
  return counts_of(books, leased);
}

JobPage Queue::jobs(JobState state, std::size_t limit, const std::string& from) {
  if (limit < 1 || limit > 1000) {
    throw Error(ErrorCode::invalid_argument,
                "limit is " + std::to_string(limit) + ": expected 1 to 1000");
  }
  redis::Connection& connection = impl_->ready();
  const bool in_streams = state == JobState::waiting || state == JobState::leased;
  return in_streams ? detail::stream_page(connection, impl_->keys, state, limit, from)
                    : detail::parked_page(connection, impl_->keys, state, limit, from);
}

AuditReport Queue::audit() {
  constexpr int looks = 4;
  redis::Connection& connection = impl_->ready();
  AuditReport report;
  CountsReply before = call_counts(connection, impl_->keys);
  for (int look = 0; look < looks; ++look) {
    report = look_once(connection, impl_->keys, before);
    if (report.balanced()) break;
    const CountsReply after = call_counts(connection, impl_->keys);
    if (after.same_books(before)) break;
    before = after;
  }
  return report;
}

void Queue::pause() { call_pause(impl_->ready(), impl_->keys, true); }
void Queue::resume() { call_pause(impl_->ready(), impl_->keys, false); }

std::int64_t Queue::purge(const std::function<void(std::int64_t removed)>& progress) {
  redis::Connection& connection = impl_->ready();
  std::int64_t removed = 0;
  Slice slice;
  const auto purge_slice = [&] {
    const std::int64_t jobs = call_purge(connection, impl_->keys, slice.elements());
    removed += jobs;
    if (jobs > 0 && progress) progress(removed);
    return jobs > 0;
  };
  purge_slice();  // asks for an operator's rights, before anything else does
  // What is leased stays, and leaves by itself meanwhile.
  const auto to_purge = [](const CountsReply& books) {
    return books.envelopes - books.leased_envelopes + books.due_entries;
  };
  CountsReply books = call_counts(connection, impl_->keys);
  while (true) {
    const std::int64_t before = to_purge(books);
    slice.expect(books.bytes, books.envelopes + books.due_entries);
    while (purge_slice()) {
    }
    // Entries that nobody enqueued hold no job either: a slice of them is not the end.
    books = call_counts(connection, impl_->keys);
    if (const auto left = to_purge(books); left == 0 || left >= before) return removed;
  }
}

}  // namespace ferry
