#include "queue/look_at_once.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "functions/enqueue_transaction.hpp"
#include "functions/slice.hpp"
#include "queue/queue_impl.hpp"

namespace ferry::detail {
namespace {

using redis::Connection;
using redis::Reply;

constexpr std::int64_t most_entries = 5000;
constexpr std::int64_t most_bytes = 4 * slice_bytes;

struct Range {
  std::size_t priority = 0;
  std::string from;
  std::string to;
  bool leased = false;
};

/// Where the streams are cut into ranges that one call can weigh each. Within a range envelopes can
/// only become fewer until the transaction; new ones come behind the last, which is open.
struct Plan {
  std::vector<Range> ranges;
  std::int64_t entries = 0;
  std::int64_t bytes = 0;
  bool fits() const { return entries <= most_entries && bytes <= most_bytes; }
};

void plan_stream(Connection& connection, const Keys& keys, std::size_t priority,
                 const std::string& delivered, Plan& plan) {
  for (const bool leased : {true, false}) {
    std::string from = leased ? "-" : "(" + delivered;
    const std::string end = leased ? delivered : "+";
    while (plan.fits()) {
      const WeighedSlice slice = call_weigh(connection, keys, priority, from, end, false);
      plan.entries += slice.entries;
      plan.bytes += slice.bytes;
      const bool is_last = slice.last.empty() || slice.last == end;
      plan.ranges.push_back({priority, from, is_last ? end : slice.last, leased});
      if (is_last) break;
      from = "(" + slice.last;
    }
  }
}

/// What a transaction of reads answered; nothing when Redis refused it or one of them.
redis::ReplyPtr executed(Connection& connection, std::size_t calls) {
  for (std::size_t i = 0; i < calls + 1; ++i) connection.read_brief();
  redis::ReplyPtr answer = connection.read();
  const Reply& all = answer->root();
  if (all.type != Reply::Type::array || all.size != calls) return {};
  for (const Reply& one : all) {
    if (one.is_error()) return {};
  }
  return answer;
}

bool add_streams(const Plan& plan, const Reply& all, std::size_t at, const BooksReply& books,
                 FoundAtOnce& found) {
  std::int64_t entries = 0;
  for (const Range& range : plan.ranges) {
    const WeighedSlice slice = read_weigh(all[at++]);
    if (!slice.last.empty() && slice.last != range.to) return false;
    (range.leased ? found.leased : found.waiting) += slice.jobs;
    found.bytes += slice.bytes;
    entries += slice.entries;
  }
  return entries == books.envelopes;
}

/// Returns: the jobs of a sorted set; nothing unless all of it was read.
std::optional<std::int64_t> jobs_of(const Reply& all, std::size_t at, std::size_t calls,
                                    std::int64_t stored, std::int64_t* bytes) {
  std::int64_t entries = 0;
  std::int64_t jobs = 0;
  for (std::size_t i = 0; i < calls; ++i) {
    const WeighedSlice slice = read_weigh_parked(all[at + i]);
    if (!slice.list.empty()) return std::nullopt;  // too large to be read there
    entries += slice.entries;
    jobs += slice.jobs;
    if (bytes != nullptr) *bytes += slice.bytes;
  }
  if (entries != stored) return std::nullopt;
  return jobs;
}

std::optional<AuditReport> look(Connection& connection, const Keys& keys) {
  const BooksReply before = call_books(connection, keys);
  if (!before.wrong_keys.empty()) return std::nullopt;
  Plan plan;
  plan.entries = before.due_entries + before.dead_entries;
  for (std::size_t i = 0; i < priority_count; ++i) {
    plan_stream(connection, keys, i, before.last_delivered[i], plan);
  }
  if (!plan.fits()) return std::nullopt;
  const auto calls_for = [](std::int64_t entries) {
    return static_cast<std::size_t>(entries) / slice_elements + 1;
  };
  const std::size_t due = calls_for(before.due_entries);
  const std::size_t dead = calls_for(before.dead_entries);
  const std::size_t calls = 1 + plan.ranges.size() + due + dead;
  connection.append({"MULTI"});
  append_books(connection, keys);
  for (const Range& range : plan.ranges) {
    append_weigh(connection, keys, range.priority, range.from, range.to, false);
  }
  for (const auto& [set, slices] : {std::pair{&keys.due, due}, std::pair{&keys.dead, dead}}) {
    for (std::size_t i = 0; i < slices; ++i) {
      append_weigh_parked(connection, keys, *set, static_cast<std::int64_t>(i * slice_elements),
                          false);
    }
  }
  connection.append({"EXEC"});
  const redis::ReplyPtr answer = executed(connection, calls);
  if (!answer) return std::nullopt;
  const Reply& all = answer->root();
  const BooksReply books = read_books(all[0]);
  if (!books.wrong_keys.empty()) return std::nullopt;
  FoundAtOnce found;
  if (!add_streams(plan, all, 1, books, found)) return std::nullopt;
  const std::size_t at = 1 + plan.ranges.size();
  const auto delayed = jobs_of(all, at, due, books.due_entries, &found.bytes);
  const auto letters = jobs_of(all, at + due, dead, books.dead_entries, nullptr);
  if (!delayed || !letters) return std::nullopt;
  found.delayed = *delayed;
  found.dead = *letters;
  return report_of(books, found);
}

}  // namespace

std::optional<AuditReport> look_at_once(Connection& connection, const Keys& keys) {
  constexpr int tries = 3;
  if (!may_transact(connection)) return std::nullopt;
  for (int i = 0; i < tries; ++i) {
    if (auto report = look(connection, keys)) return report;
  }
  return std::nullopt;
}

}  // namespace ferry::detail
