#include "ferry/queue.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "ferry/queues.hpp"
#include "functions/library.hpp"
#include "functions/replies.hpp"
#include "queue/look_at_once.hpp"
#include "queue/queue_impl.hpp"
#include "redis/stream_id.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

constexpr std::array<std::string_view, 4> state_names{"waiting", "leased", "delayed", "dead"};

const RedisOptions& validated(const RedisOptions& redis) {
  redis.validate();
  return redis;
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

bool DeadFilter::matches(const JobInfo& job) const {
  const bool only_kind = job.kind.empty() && job.kinds.size() == 1 && job.kinds.front() == kind;
  return (kind.empty() || job.kind == kind || only_kind) &&
         job.reason.find(reason) != std::string::npos;
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
  return Queues(redis).names(std::numeric_limits<std::size_t>::max()).names;
}

const std::string& Queue::name() const { return impl_->name; }

QueueCounts Queue::counts() {
  redis::Connection& connection = impl_->ready();
  const BooksReply books = detail::readable_books(connection, impl_->keys);
  return detail::counts_beside(connection, impl_->keys, books);
}

std::vector<SetAside> Queue::set_aside() {
  redis::Connection& connection = impl_->ready();
  for (const std::string& stream : impl_->keys.ready) {
    connection.append({"XPENDING", stream, group_name});
  }
  std::vector<redis::ReplyPtr> replies;
  for (std::size_t i = 0; i < priority_count; ++i) replies.push_back(connection.read());
  std::map<std::string, std::int64_t> envelopes;
  for (const redis::ReplyPtr& reply : replies) {
    const redis::Reply& summary = reply->root();
    if (summary.is_error() || summary.size < 4) continue;  // no stream yet, or told by counts()
    for (const redis::Reply& holder : summary[3]) {
      if (holder.size < 2 || !is_waiting_place(holder[0].text)) continue;
      std::string_view kind = holder[0].text;
      kind = kind.starts_with(kind_holder) ? kind.substr(kind_holder.size()) : std::string_view{};
      envelopes[std::string(kind)] +=
          static_cast<std::int64_t>(redis::whole_number(holder[1].text).value_or(0));
    }
  }
  std::vector<SetAside> aside;
  for (const auto& [kind, count] : envelopes) aside.push_back({kind, count});
  return aside;
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
  BooksReply before = detail::books_or_named_error(connection, impl_->keys);
  for (int look = 0; look < looks; ++look) {
    std::vector<std::string> earlier = std::exchange(report.violations, {});
    report = detail::look_once(connection, impl_->keys, before);
    if (report.balanced() || !before.wrong_keys.empty()) return report;
    if (look == 0) {
      // Most queues are small enough to be looked at while nothing moves.
      if (auto at_once = detail::look_at_once(connection, impl_->keys)) return *at_once;
    }
    const BooksReply after = detail::books_or_named_error(connection, impl_->keys);
    // Seen twice, with nothing that moved meanwhile: an envelope may move without a count.
    if (after.same_books(before) && report.violations == earlier) return report;
    before = after;
  }
  report.busy = true;
  return report;
}

void Queue::pause() { call_pause(impl_->ready(), impl_->keys, true); }
void Queue::resume() { call_pause(impl_->ready(), impl_->keys, false); }

}  // namespace ferry
