#include <algorithm>
#include <utility>

#include "functions/replies.hpp"
#include "queue/look_at_once.hpp"
#include "queue/queue_impl.hpp"
#include "redis/stream_id.hpp"

namespace ferry::detail {
namespace {

using redis::Connection;

/// What lies behind the last delivered id of a stream waits, the rest is leased.
std::int64_t count_part(Connection& connection, const Keys& keys, const BooksReply& books,
                        bool leased) {
  std::int64_t jobs = 0;
  for (std::size_t i = 0; i < priority_count; ++i) {
    const std::string& last = books.last_delivered[i];
    StreamReader reader(connection, keys, i, leased ? "-" : "(" + last, leased ? last : "+",
                        books.mean_bytes());
    while (const auto slice = reader.weigh()) jobs += slice->jobs;
  }
  return jobs;
}

/// Envelopes are read only where the books do not tell it, and then the fewer of the two parts.
std::int64_t leased_jobs(Connection& connection, const Keys& keys, const BooksReply& books) {
  const std::int64_t ready = std::max<std::int64_t>(books.ready, 0);
  const std::int64_t waiting_envelopes = books.envelopes - books.leased_envelopes;
  if (books.leased_envelopes == 0) return 0;
  if (waiting_envelopes <= 0) return ready;
  // An envelope has a job at least, so each has one.
  if (ready == books.envelopes) return books.leased_envelopes;
  const bool fewer_are_leased = books.leased_envelopes <= waiting_envelopes;
  const std::int64_t counted = count_part(connection, keys, books, fewer_are_leased);
  return std::clamp<std::int64_t>(fewer_are_leased ? counted : ready - counted, 0, ready);
}

std::int64_t oldest_age_ms(Connection& connection, const Keys& keys, const BooksReply& books) {
  if (books.oldest_age_ms >= 0) return books.oldest_age_ms;
  std::int64_t age = 0;
  for (std::size_t i = 0; i < priority_count; ++i) {
    StreamReader reader(connection, keys, i, "(" + books.last_delivered[i], "+",
                        books.mean_bytes());
    const auto first = reader.weigh();
    const auto id = first ? redis::StreamId::parse(first->last) : std::nullopt;
    if (id) age = std::max(age, books.server_time_ms - static_cast<std::int64_t>(id->ms));
  }
  return age;
}

QueueCounts counts_of(const BooksReply& books, std::int64_t leased, std::int64_t age_ms) {
  QueueCounts counts;
  counts.accepted = books.accepted;
  counts.leased = std::min(leased, std::max<std::int64_t>(books.ready, 0));
  counts.waiting = books.ready - counts.leased;
  counts.delayed = books.delayed;
  counts.dead = books.dead;
  counts.done = books.done;
  counts.expired = books.expired;
  counts.cancelled = books.cancelled;
  counts.bytes = books.bytes;
  counts.envelopes = books.envelopes;
  counts.workers = books.workers;
  counts.oldest_age = std::chrono::milliseconds{age_ms};
  counts.paused = books.paused != 0;
  return counts;
}

void require_equal(AuditReport& report, std::string_view what, std::int64_t counted,
                   std::int64_t found) {
  if (counted == found) return;
  report.violations.push_back("the books say " + std::to_string(counted) + " " + std::string(what) +
                              ", found are " + std::to_string(found));
}

struct JobsAndBytes {
  std::int64_t jobs = 0;
  std::int64_t bytes = 0;
};

JobsAndBytes count_parked(Connection& connection, const Keys& keys, const std::string& set) {
  JobsAndBytes sum;
  for (std::int64_t rank = 0;;) {
    const WeighedSlice slice = call_weigh_parked(connection, keys, set, rank, false);
    if (slice.entries == 0) return sum;
    rank += slice.entries;
    sum.jobs += slice.jobs;
    sum.bytes += slice.bytes;
    std::vector<std::string> names;
    std::vector<std::int64_t> sizes;
    for (const SeenEnvelope& large : slice.list) {
      names.push_back(large.name);
      sizes.push_back(large.bytes);
    }
    read_parked(connection, keys, names, sizes, [&](std::size_t, std::string_view bytes) {
      sum.jobs += jobs_in(bytes);
      return true;
    });
  }
}

/// Compares one place with the books, unless one of its keys cannot be read; the others go on.
template <typename Look>
bool look_into(AuditReport& report, const BooksReply& books,
               std::initializer_list<std::string_view> keys, Look look) {
  for (const std::string_view key : keys) {
    if (books.has_wrong(std::string(key))) return false;
  }
  try {
    look();
    return true;
  } catch (const Error& error) {
    if (concerns_all(error)) throw;
    report.violations.emplace_back(error.what());
    return false;
  }
}

void compare(AuditReport& report, const BooksReply& books, bool all_streams, bool all_due,
             bool all_dead) {
  if (all_streams) {
    require_equal(report, "jobs in the streams", books.ready, report.found_in_stream);
  }
  if (all_due) require_equal(report, "delayed jobs", books.delayed, report.found_delayed);
  if (all_dead) require_equal(report, "dead letters", books.dead, report.found_dead);
  if (all_streams && all_due) {
    require_equal(report, "stored bytes", books.bytes, report.found_bytes);
  }
  if (all_due && all_dead) {
    require_equal(report, "entries due or dead", books.due_entries + books.dead_entries,
                  books.parked_entries);
  }
}

/// A worker's heartbeat comes twice a second at least, whatever its lease.
constexpr std::int64_t silent_after_ms = 10'000;
/// More workers than these are not looked at one by one.
constexpr std::int64_t most_workers = 1000;

/// Tells the living workers from the dead ones. Who may not read heartbeats sees all as alive.
void add_silence(Connection& connection, const Keys& keys, const BooksReply& books,
                 QueueCounts& counts) {
  if (books.workers == 0 || books.workers > most_workers) return;
  const auto answer = connection.command({"HVALS", keys.workers});
  for (const redis::Reply& seen : answer->root()) {
    const auto at_ms = redis::whole_number(seen.text);
    if (!at_ms) continue;
    const auto silence =
        books.server_time_ms - static_cast<std::int64_t>(std::min(*at_ms, wire::max_time_ms));
    if (silence < silent_after_ms) continue;
    ++counts.silent_workers;
    counts.longest_silence = std::max(counts.longest_silence, std::chrono::milliseconds{silence});
  }
  counts.workers = std::max<std::int64_t>(0, counts.workers - counts.silent_workers);
}

void add_oldest_leased(Connection& connection, const Keys& keys, const BooksReply& books,
                       QueueCounts& counts) {
  if (books.leased_envelopes == 0) return;
  for (const std::string& stream : keys.ready) {
    connection.append({"XPENDING", stream, group_name, "-", "+", "1"});
  }
  for (std::size_t i = 0; i < priority_count; ++i) {
    const auto answer = connection.read();
    const redis::Reply& list = answer->root();
    if (list.is_error() || list.type != redis::Reply::Type::array || list.size == 0) continue;
    if (list[0].size < 4) continue;
    const std::chrono::milliseconds idle{
        bounded(list[0][2], 0, static_cast<std::int64_t>(wire::max_time_ms))};
    counts.oldest_leased = std::max(counts.oldest_leased, idle);
  }
}

}  // namespace

BooksReply books_or_named_error(Connection& connection, const Keys& keys) {
  try {
    return call_books(connection, keys);
  } catch (const Error& error) {
    throw named_error(connection, keys, error).error;
  }
}

BooksReply readable_books(Connection& connection, const Keys& keys) {
  BooksReply books = books_or_named_error(connection, keys);
  if (!books.wrong_keys.empty()) throw error_about(books.wrong_keys);
  return books;
}

Error error_about(const std::vector<WrongKey>& wrong_keys) {
  const Error error = ferry::error_about(wrong_keys.front());
  if (wrong_keys.size() == 1) return error;
  return Error(error.code(), std::string(error.what()) + " (and " +
                                 std::to_string(wrong_keys.size() - 1) +
                                 " more of its keys cannot be read)");
}

NamedError named_error(Connection& connection, const Keys& keys, const Error& error) {
  if (concerns_all(error)) return {error, {}};
  const std::vector<WrongKey> wrong = find_wrong_keys(connection, keys);
  if (wrong.empty()) return {error, {}};
  const bool every_key = wrong.size() == key_count;
  if (error.code() != ErrorCode::denied || !every_key) {
    return {error_about(wrong), wrong.front().key};
  }
  const std::string key = keys.base + '*';
  return {Error(error.code(), "key " + key + ": " + error.what()), key};
}

bool concerns_all(const Error& error) {
  switch (error.code()) {
    case ErrorCode::unavailable:
    case ErrorCode::unsupported:
    case ErrorCode::stopped:
      return true;
    default:
      return false;
  }
}

QueueCounts counts_beside(Connection& connection, const Keys& keys, const BooksReply& books) {
  QueueCounts counts = counts_of(books, leased_jobs(connection, keys, books),
                                 oldest_age_ms(connection, keys, books));
  add_silence(connection, keys, books, counts);
  add_oldest_leased(connection, keys, books, counts);
  return counts;
}

AuditReport look_once(Connection& connection, const Keys& keys, const BooksReply& books) {
  AuditReport report;
  for (const WrongKey& wrong : books.wrong_keys) {
    report.violations.emplace_back(ferry::error_about(wrong).what());
  }
  std::int64_t leased = 0;
  bool all_streams = true;
  for (std::size_t i = 0; i < priority_count; ++i) {
    const std::string& last = books.last_delivered[i];
    const auto count = [&](const std::string& from, const std::string& to, std::int64_t& jobs) {
      StreamReader reader(connection, keys, i, from, to, books.mean_bytes());
      while (const auto slice = reader.weigh()) {
        jobs += slice->jobs;
        report.found_bytes += slice->bytes;
      }
    };
    std::int64_t waiting = 0;
    std::int64_t held = 0;
    all_streams &= look_into(report, books, {keys.ready[i], keys.progress}, [&] {
      count("-", last, held);
      count("(" + last, "+", waiting);
    });
    leased += held;
    report.found_in_stream += held + waiting;
  }
  const bool all_due = look_into(report, books, {keys.due, keys.parked}, [&] {
    const auto delayed = count_parked(connection, keys, keys.due);
    report.found_delayed = delayed.jobs;
    report.found_bytes += delayed.bytes;
  });
  const bool all_dead = look_into(report, books, {keys.dead, keys.parked}, [&] {
    report.found_dead = count_parked(connection, keys, keys.dead).jobs;
  });
  report.counts = counts_of(books, leased, std::max<std::int64_t>(books.oldest_age_ms, 0));
  if (!books.has_wrong(keys.state)) compare(report, books, all_streams, all_due, all_dead);
  return report;
}

AuditReport report_of(const BooksReply& books, const FoundAtOnce& found) {
  AuditReport report;
  report.found_in_stream = found.leased + found.waiting;
  report.found_delayed = found.delayed;
  report.found_dead = found.dead;
  report.found_bytes = found.bytes;
  report.counts = counts_of(books, found.leased, std::max<std::int64_t>(books.oldest_age_ms, 0));
  compare(report, books, true, true, true);
  return report;
}

}  // namespace ferry::detail
