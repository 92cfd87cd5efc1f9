#include "queue/bounded_reads.hpp"

#include <algorithm>
#include <utility>

#include "ferry/error.hpp"
#include "wire/envelope.hpp"

namespace ferry::detail {

using redis::Connection;
using redis::Reply;
using redis::StreamId;

namespace {

/// Redis refuses a range that begins behind the last id that there can be.
constexpr std::string_view behind_all = "(18446744073709551615-18446744073709551615";

}  // namespace

redis::ReplyPtr call_on(Connection& connection, const std::string& key,
                        std::span<const std::string_view> words) {
  redis::ReplyPtr reply = connection.command(words);
  if (reply->root().is_error()) throw error_about({key, std::string(reply->root().text)});
  return reply;
}

redis::ReplyPtr call_on(Connection& connection, const std::string& key,
                        std::initializer_list<std::string_view> words) {
  return call_on(connection, key, std::span(words.begin(), words.size()));
}

std::int64_t jobs_in(std::string_view envelope) {
  const auto head = wire::decode_head(envelope);
  return head ? static_cast<std::int64_t>(head->count) : 0;
}

std::int64_t open_jobs(std::string_view envelope, std::string_view marks) {
  return jobs_in(envelope) - std::ranges::count(marks, 'x');
}

StreamReader::StreamReader(Connection& connection, const Keys& keys, std::size_t priority,
                           std::string from, std::string to, std::int64_t mean_bytes)
    : connection_(connection),
      keys_(keys),
      priority_(priority),
      from_(std::move(from)),
      to_(std::move(to)),
      pace_(mean_bytes),
      ended_(from_ == behind_all) {}

redis::ReplyPtr StreamReader::read_range(const std::string& to, std::size_t most) {
  const std::string& stream = keys_.ready[priority_];
  const std::string count = std::to_string(most);
  return call_on(connection_, stream, {"XRANGE", stream, from_, to, "COUNT", count});
}

void StreamReader::go_behind(std::string_view id) {
  from_ = "(" + std::string(id);
  ended_ = ended_ || from_ == behind_all;
}

std::optional<WeighedSlice> StreamReader::weigh_alone() {
  const auto answer = read_range(to_, 1);
  const Reply& found = answer->root();
  ended_ = found.size == 0;
  if (ended_) return std::nullopt;
  const std::string id(found[0].size == 2 ? found[0][0].text : std::string_view{});
  const std::string_view envelope =
      !id.empty() && found[0][1].size >= 2 ? found[0][1][1].text : std::string_view{};
  const auto marks = call_on(connection_, keys_.progress,
                             {"HGET", keys_.progress, std::to_string(priority_) + ":" + id});
  const auto bytes = static_cast<std::int64_t>(envelope.size());
  const std::int64_t jobs = open_jobs(envelope, marks->root().text);
  const std::int64_t counted = jobs_in(envelope) > 0 ? bytes : 0;
  pace_.saw(bytes);
  go_behind(id);
  return WeighedSlice{jobs, bytes, id, 1, bytes, {{id, jobs, counted}}};
}

std::optional<WeighedSlice> StreamReader::weigh(bool lists) {
  if (ended_) return std::nullopt;
  if (pace_.reads_alone()) return weigh_alone();
  WeighedSlice slice = call_weigh(connection_, keys_, priority_, from_, to_, lists);
  ended_ = slice.last.empty();
  if (slice.entries == 0) return std::nullopt;
  pace_.saw(slice.largest, static_cast<std::size_t>(slice.entries));
  go_behind(slice.last);
  return slice;
}

std::vector<StreamEntry> StreamReader::read_range_whole(const std::string& to, std::size_t most) {
  const auto answer = read_range(to, most);
  std::vector<StreamEntry> entries;
  for (const Reply& element : answer->root()) {
    const auto id = element.size == 2 ? StreamId::parse(element[0].text) : std::nullopt;
    if (!id || element[1].size < 2) continue;
    entries.push_back({*id, std::string(element[1][1].text)});
  }
  return entries;
}

std::vector<StreamEntry> StreamReader::read() {
  std::vector<StreamEntry> entries;
  // What was weighed may be gone by now; then the range goes on behind it.
  while (entries.empty() && !ended_) {
    if (pace_.reads_alone()) {
      entries = read_range_whole(to_, 1);
      ended_ = entries.empty();
      if (ended_) break;
      pace_.saw(static_cast<std::int64_t>(entries[0].bytes.size()));
      go_behind(entries[0].id.text());
      continue;
    }
    const WeighedSlice slice = call_weigh(connection_, keys_, priority_, from_, to_, true);
    ended_ = slice.last.empty();
    if (slice.list.empty()) break;
    // Only what was weighed may be read: the next one might be large.
    entries = read_range_whole(slice.list.back().name, slice.list.size());
    pace_.saw(slice.largest, slice.list.size());
    go_behind(slice.list.back().name);
  }
  return entries;
}

std::vector<std::int64_t> parked_sizes(Connection& connection, const Keys& keys,
                                       std::span<const std::string> names) {
  connection.connect();
  for (const std::string& name : names) connection.append({"HSTRLEN", keys.parked, name});
  std::vector<std::int64_t> sizes;
  std::string refusal;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Reply& reply = connection.read_brief();
    if (reply.is_error() && refusal.empty()) refusal = reply.text;
    sizes.push_back(reply.integer);
  }
  if (!refusal.empty()) throw error_about({keys.parked, refusal});
  return sizes;
}

void read_parked(Connection& connection, const Keys& keys, std::span<const std::string> names,
                 std::span<const std::int64_t> sizes,
                 const std::function<bool(std::size_t, std::string_view)>& take) {
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t count = slice_of(sizes.subspan(at));
    std::vector<std::string_view> words{"HMGET", keys.parked};
    words.insert(words.end(), names.begin() + static_cast<std::ptrdiff_t>(at),
                 names.begin() + static_cast<std::ptrdiff_t>(at + count));
    const auto stored = call_on(connection, keys.parked, words);
    for (std::size_t i = 0; i < count && i < stored->root().size; ++i) {
      const Reply& bytes = stored->root()[i];
      if (bytes.is_nil()) continue;  // moved meanwhile, or lost
      if (!take(at + i, bytes.text)) return;
    }
    at += count;
  }
}

}  // namespace ferry::detail
