#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
#include <map>
#include <utility>

#include "functions/replies.hpp"
#include "one_line.hpp"
#include "queue/queue_impl.hpp"
#include "redis/stream_id.hpp"

namespace ferry::detail {
namespace {

using redis::Connection;
using redis::Reply;
using redis::StreamId;
using redis::whole_number;

/// Units: entries fetched at a time from one stream; an entry may be large.
constexpr std::size_t entries_per_fetch = 32;

struct Entry {
  StreamId id;
  std::string bytes;
  std::string marks;  ///< of `progress`; empty = nothing settled
  std::string worker;
  int deliveries = 0;
};

/// Reads one stream between two ids, some entries at a time.
class StreamCursor {
 public:
  StreamCursor(Connection& connection, const Keys& keys, std::size_t priority, JobState state,
               StreamId after, std::string last)
      : connection_(connection),
        keys_(keys),
        priority_(priority),
        state_(state),
        after_(after),
        last_(std::move(last)) {}

  /// Returns: the next entry, or null at the end.
  const Entry* peek() {
    if (entries_.empty() && !ended_) fetch();
    return entries_.empty() ? nullptr : &entries_.front();
  }
  Entry take() {
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    after_ = entry.id;
    return entry;
  }
  StreamId after() const { return after_; }
  Priority priority() const { return static_cast<Priority>(priority_); }

 private:
  void fetch() {
    const std::string most = std::to_string(entries_per_fetch);
    const auto from = fetched_ ? *fetched_ : after_;
    const auto answer = connection_.call(
        {"XRANGE", keys_.ready[priority_], "(" + from.text(), last_, "COUNT", most});
    const Reply& reply = answer->root();
    ended_ = reply.size < entries_per_fetch;
    for (const Reply& element : reply) {
      const auto id = element.size == 2 ? StreamId::parse(element[0].text) : std::nullopt;
      if (!id || element[1].size < 2) continue;
      entries_.push_back({*id, std::string(element[1][1].text), {}, {}, 0});
      fetched_ = id;
    }
    if (entries_.empty()) return;
    add_marks();
    if (state_ == JobState::leased) add_holders();
  }

  void add_marks() {
    std::vector<std::string> fields;
    for (const Entry& entry : entries_) {
      fields.push_back(std::to_string(priority_) + ":" + entry.id.text());
    }
    std::vector<std::string_view> command{"HMGET", keys_.progress};
    command.insert(command.end(), fields.begin(), fields.end());
    const auto answer = connection_.call(command);
    const Reply& reply = answer->root();
    for (std::size_t i = 0; i < entries_.size() && i < reply.size; ++i) {
      entries_[i].marks = reply[i].text;
    }
  }

  void add_holders() {
    const auto answer = connection_.call({"XPENDING", keys_.ready[priority_], group_name,
                                          entries_.front().id.text(), entries_.back().id.text(),
                                          std::to_string(entries_.size())});
    std::map<StreamId, const Reply*> holders;
    for (const Reply& pending : answer->root()) {
      if (pending.size < 4) continue;
      if (const auto id = StreamId::parse(pending[0].text)) holders[*id] = &pending;
    }
    for (Entry& entry : entries_) {
      const auto found = holders.find(entry.id);
      if (found == holders.end()) continue;
      entry.worker = (*found->second)[1].text;
      entry.deliveries = static_cast<int>(bounded((*found->second)[3], 0, wire::max_count_of_runs));
    }
  }

  Connection& connection_;
  const Keys& keys_;
  std::size_t priority_;
  JobState state_;
  StreamId after_;
  std::string last_;
  std::optional<StreamId> fetched_;
  std::deque<Entry> entries_;
  bool ended_ = false;
};

JobInfo undecodable(std::string_view bytes, JobState state, Priority priority,
                    const std::string& problem) {
  JobInfo info;
  if (const auto head = wire::decode_head(bytes)) info.id = head->first_id;
  info.state = state;
  info.priority = priority;
  info.payload_bytes = static_cast<std::int64_t>(bytes.size());
  info.reason = problem;
  return info;
}

void add_entry(const Entry& entry, JobState state, Priority priority, std::vector<JobInfo>& jobs) {
  wire::StoredEnvelope envelope;
  const std::string problem = wire::decode(entry.bytes, envelope);
  if (!problem.empty()) {
    JobInfo& info = jobs.emplace_back(undecodable(entry.bytes, state, priority, problem));
    info.worker = entry.worker;
    info.deliveries = entry.deliveries;
    return;
  }
  for (std::size_t i = 0; i < envelope.jobs.size(); ++i) {
    if (i < entry.marks.size() && entry.marks[i] == 'x') continue;
    JobInfo& info = jobs.emplace_back(info_of(envelope.jobs[i], state, priority));
    info.worker = entry.worker;
    info.deliveries = entry.deliveries;
  }
}

/// A stream page's cursor: the last id seen of each stream, as in "5-0,7-1,0-0".
std::array<StreamId, priority_count> cursor_of(const std::string& from) {
  std::array<StreamId, priority_count> after;
  if (from.empty()) return after;
  std::string_view rest = from;
  for (std::size_t i = 0; i < priority_count; ++i) {
    const auto comma = i + 1 < priority_count ? rest.find(',') : rest.size();
    if (comma == std::string_view::npos) refuse_cursor(from);
    const auto id = StreamId::parse(rest.substr(0, comma));
    if (!id) refuse_cursor(from);
    after[i] = *id;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return after;
}

}  // namespace

void refuse_cursor(const std::string& from) {
  throw Error(ErrorCode::invalid_argument,
              "from is \"" + one_line(from) + "\": expected the `next` of an earlier page");
}

std::chrono::system_clock::time_point time_of_ms(std::uint64_t milliseconds) {
  return std::chrono::system_clock::time_point{std::chrono::milliseconds{
      static_cast<std::int64_t>(std::min(milliseconds, wire::max_time_ms))}};
}

JobInfo info_of(const wire::StoredJob& job, JobState state, Priority priority) {
  JobInfo info;
  info.id = job.id;
  info.kind = job.kind;
  info.state = state;
  info.priority = priority;
  info.enqueued_at = std::chrono::system_clock::time_point{
      std::chrono::microseconds{static_cast<std::int64_t>(job.enqueued_us)}};
  info.payload_bytes = static_cast<std::int64_t>(job.payload.size());
  if (job.extras != nullptr) {
    info.attempts = job.extras->attempts;
    info.reason = job.extras->last_reason;
    info.traceparent = job.extras->traceparent;
    info.batch_key = job.extras->batch_key;
    info.sealed_with = job.extras->key_id;
    for (const auto& [name, value] : job.extras->headers) info.headers.emplace(name, value);
  }
  return info;
}

void add_parked(const std::string& name, std::string_view bytes, std::uint64_t score_ms,
                JobState state, std::vector<JobInfo>& jobs) {
  const char digit = name.empty() ? '1' : name.front();
  const auto priority =
      digit >= '0' && digit <= '2' ? static_cast<Priority>(digit - '0') : Priority::normal;
  const std::size_t first = jobs.size();
  wire::StoredEnvelope envelope;
  std::string problem = wire::decode(bytes, envelope);
  if (problem.empty() && !envelope.is_opaque()) {
    for (const auto& job : envelope.jobs) jobs.push_back(info_of(job, state, priority));
  } else {
    const auto stored = problem.empty() ? envelope.opaque : bytes;
    jobs.push_back(undecodable(stored, state, priority, problem));
    if (problem.empty()) jobs.back().id = envelope.head.first_id;
  }
  for (std::size_t i = first; i < jobs.size(); ++i) {
    if (state == JobState::delayed) {
      jobs[i].due_at = time_of_ms(score_ms);
      continue;
    }
    jobs[i].died_at = time_of_ms(score_ms);
    if (problem.empty() && envelope.death) {
      jobs[i].reason = envelope.death->reason;
      jobs[i].deliveries = envelope.death->deliveries;
      if (envelope.death->died_at_ms != 0) jobs[i].died_at = time_of_ms(envelope.death->died_at_ms);
    }
  }
}

JobPage stream_page(Connection& connection, const Keys& keys, JobState state, std::size_t limit,
                    const std::string& from) {
  const auto after = cursor_of(from);
  const CountsReply books = call_counts(connection, keys);
  std::vector<StreamCursor> streams;
  for (std::size_t i = 0; i < priority_count; ++i) {
    const auto delivered = StreamId::parse(books.last_delivered[i]).value_or(StreamId{});
    if (state == JobState::waiting) {
      streams.emplace_back(connection, keys, i, state, std::max(after[i], delivered), "+");
    } else {
      streams.emplace_back(connection, keys, i, state, after[i], delivered.text());
    }
  }
  JobPage page;
  while (true) {
    StreamCursor* oldest = nullptr;
    for (StreamCursor& stream : streams) {
      if (stream.peek() == nullptr) continue;
      if (oldest == nullptr || stream.peek()->id < oldest->peek()->id) oldest = &stream;
    }
    if (oldest == nullptr) return page;
    if (page.jobs.size() >= limit) break;
    add_entry(oldest->take(), state, oldest->priority(), page.jobs);
  }
  for (const StreamCursor& stream : streams) {
    page.next += (page.next.empty() ? "" : ",") + stream.after().text();
  }
  return page;
}

JobPage parked_page(Connection& connection, const Keys& keys, JobState state, std::size_t limit,
                    const std::string& from) {
  // The cursor: the last time seen, and how many entries with that time were seen.
  std::uint64_t last = 0;
  std::uint64_t seen = 0;
  if (!from.empty()) {
    const auto colon = from.find(':');
    const auto at = colon == std::string::npos ? std::nullopt : whole_number(from.substr(0, colon));
    const auto skip = at ? whole_number(from.substr(colon + 1)) : std::nullopt;
    if (!skip) refuse_cursor(from);
    last = *at;
    seen = *skip;
  }
  const std::string& set = state == JobState::dead ? keys.dead : keys.due;
  // What lies below 0 is told as 0.
  const std::string score = last == 0 ? "-inf" : std::to_string(last);
  const auto answer = connection.call({"ZRANGEBYSCORE", set, score, "+inf", "WITHSCORES", "LIMIT",
                                       std::to_string(seen), std::to_string(limit + 1)});
  const Reply& reply = answer->root();
  const std::size_t found = reply.size / 2;
  JobPage page;
  if (found == 0) return page;

  std::vector<std::string_view> command{"HMGET", keys.parked};
  for (std::size_t i = 0; i < found && i < limit; ++i) command.push_back(reply[2 * i].text);
  const auto stored = connection.call(command);
  std::size_t taken = 0;
  for (; taken < found && taken < limit && page.jobs.size() < limit; ++taken) {
    const Reply& bytes = stored->root()[taken];
    const std::uint64_t at = ms_of_score(reply[2 * taken + 1].text);
    seen = at == last ? seen + 1 : 1;
    last = at;
    if (bytes.is_nil()) continue;  // moved between the two commands
    add_parked(std::string(reply[2 * taken].text), bytes.text, at, state, page.jobs);
  }
  if (taken < found) page.next = std::to_string(last) + ":" + std::to_string(seen);
  return page;
}

}  // namespace ferry::detail
