#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <iterator>
#include <map>
#include <utility>

#include "functions/replies.hpp"
#include "one_line.hpp"
#include "queue/queue_impl.hpp"
#include "redis/stream_id.hpp"
#include "wire/kinds_named.hpp"

namespace ferry::detail {
namespace {

using redis::Connection;
using redis::Reply;
using redis::StreamId;
using redis::whole_number;

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
               StreamId after, const std::string& last, std::int64_t mean_bytes)
      : connection_(connection),
        keys_(keys),
        priority_(priority),
        state_(state),
        after_(after),
        reader_(connection, keys, priority, "(" + after.text(), last, mean_bytes) {}

  /// Returns: the next entry, or null at the end.
  const Entry* peek() {
    if (entries_.empty()) fetch();
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
    for (StreamEntry& entry : reader_.read()) {
      entries_.push_back({entry.id, std::move(entry.bytes), {}, {}, 0});
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
    const auto answer = call_on(connection_, keys_.progress, command);
    const Reply& reply = answer->root();
    for (std::size_t i = 0; i < entries_.size() && i < reply.size; ++i) {
      entries_[i].marks = reply[i].text;
    }
  }

  void add_holders() {
    const std::string& stream = keys_.ready[priority_];
    const auto answer = call_on(connection_, stream,
                                {"XPENDING", stream, group_name, entries_.front().id.text(),
                                 entries_.back().id.text(), std::to_string(entries_.size())});
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
  StreamReader reader_;
  std::deque<Entry> entries_;
};

JobInfo undecodable(std::string_view bytes, JobState state, Priority priority,
                    const std::string& problem) {
  JobInfo info;
  if (const auto head = wire::decode_head(bytes)) info.id = head->first_id;
  info.kinds = wire::kinds_named(bytes);
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

/// A score as Redis writes it: `1700000000000`, `1e+300`, `-inf`.
bool is_number(std::string_view text) {
  double number = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && at == text.data() + text.size() && !std::isnan(number);
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
    // It is found again under the id in its name, whatever its bytes say.
    if (const auto id = id_in_name(name)) jobs.back().id = *id;
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
  const BooksReply books = readable_books(connection, keys);
  std::vector<StreamCursor> streams;
  for (std::size_t i = 0; i < priority_count; ++i) {
    const auto delivered = StreamId::parse(books.last_delivered[i]).value_or(StreamId{});
    const bool waits = state == JobState::waiting;
    streams.emplace_back(connection, keys, i, state,
                         waits ? std::max(after[i], delivered) : after[i],
                         waits ? "+" : delivered.text(), books.mean_bytes());
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
  // The cursor: the last score seen, and how many entries with that score were seen.
  std::string score = "-inf";
  std::uint64_t seen = 0;
  if (!from.empty()) {
    const auto colon = from.find(':');
    const bool is_score = colon != std::string::npos && is_number(from.substr(0, colon));
    const auto skip = is_score ? whole_number(from.substr(colon + 1)) : std::nullopt;
    if (!skip) refuse_cursor(from);
    score = from.substr(0, colon);
    seen = *skip;
  }
  const std::string& set = state == JobState::dead ? keys.dead : keys.due;
  const auto answer = call_on(connection, set,
                              {"ZRANGEBYSCORE", set, score, "+inf", "WITHSCORES", "LIMIT",
                               std::to_string(seen), std::to_string(limit + 1)});
  const Reply& reply = answer->root();
  const std::size_t found = reply.size / 2;
  std::vector<std::string> names;
  std::vector<std::string> scores;
  for (std::size_t i = 0; i < found && i < limit; ++i) {
    names.emplace_back(reply[2 * i].text);
    scores.emplace_back(reply[2 * i + 1].text);
  }
  JobPage page;
  const auto sizes = parked_sizes(connection, keys, names);
  std::size_t taken = names.size();
  read_parked(connection, keys, names, sizes, [&](std::size_t i, std::string_view bytes) {
    if (page.jobs.size() >= limit) {
      taken = i;
      return false;
    }
    add_parked(names[i], bytes, ms_of_score(scores[i]), state, page.jobs);
    return true;
  });
  for (std::size_t i = 0; i < taken; ++i) {
    seen = score == scores[i] ? seen + 1 : 1;
    score = scores[i];
  }
  if (taken < found) page.next = score + ":" + std::to_string(seen);
  return page;
}

}  // namespace ferry::detail
