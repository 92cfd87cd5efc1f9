// enqueue.lua: a call stores all its envelopes, once, or none.
#include <algorithm>
#include <cmath>

#include "model/twin.hpp"

namespace ferry::model {
namespace {

constexpr std::size_t first_stream = 5;  // index among the keys

}  // namespace

std::optional<std::int64_t> oldest_waiting(const Stream& stream) {
  const EntryId from = stream.has_group ? stream.delivered : EntryId{};
  const auto entry = stream.entries.upper_bound(from);
  if (entry == stream.entries.end()) return std::nullopt;
  return entry->first.ms;
}

// Looked at again after 100 ms, and when the clock has gone back.
std::int64_t Twin::oldest_age(std::int64_t now) {
  auto& known = memory.age;
  if (!known || now - known->at > 100 || now < known->at) {
    known = Memory::Age{now, std::nullopt};
    for (const Stream& stream : streams) {
      const auto at = oldest_waiting(stream);
      if (at && (!known->oldest || *at < *known->oldest)) known->oldest = at;
    }
  }
  const auto oldest = oldest_of(known->oldest, now);
  return oldest ? std::max<std::int64_t>(0, now - *oldest) : 0;
}

std::optional<std::int64_t> Twin::oldest_of(std::optional<std::int64_t> waiting,
                                            std::int64_t now) const {
  const auto& aside = memory.aside;
  const bool fresh = aside && now >= aside->at && now - aside->at <= 2000;
  if (!fresh) return waiting;
  return std::min(waiting.value_or(aside->oldest), aside->oldest);
}

Answer Twin::with_hints(Answer reply) const {
  if (!hints.empty()) reply.parts.emplace_back(hints);
  return reply;
}

// Until a tenth of the bound is free again, at the pace of the last second or more.
std::int64_t Twin::retry_after(std::int64_t bound, std::int64_t now) {
  const std::int64_t settled =
      counters.done + counters.expired + counters.cancelled + counters.dead;
  auto& rate = memory.rate;
  if (!rate || now < rate->at) {
    rate = Memory::Rate{now, settled, 0};
  } else if (now - rate->at >= 1000) {
    const std::int64_t since = std::max<std::int64_t>(0, settled - rate->settled);
    rate = Memory::Rate{now, settled,
                        static_cast<double>(since) / static_cast<double>(now - rate->at)};
  }
  if (rate->pace <= 0) return 1000;
  const double wait = std::floor(static_cast<double>(bound) / 10 / rate->pace);
  return static_cast<std::int64_t>(std::clamp(wait, 10.0, 30000.0));
}

std::optional<Twin::Load> Twin::weigh(const Words& args) const {
  if (args.size() < 9 || (args.size() - 5) % 4 != 0) return std::nullopt;
  if (args.size() > 5 + 4 * most::envelopes) return std::nullopt;
  Load load;
  std::set<std::string> names;
  for (std::size_t i = 5; i < args.size(); i += 4) {
    const auto stream = whole(args[i]);
    const auto delay = whole(args[i + 1], 0, most::delay_ms);
    const auto digit = whole(args[i + 2]);
    const auto jobs = jobs_in(args[i + 3]);
    if (!jobs || !delay || !digit || *digit > 2 || args[i + 2].size() != 1) return std::nullopt;
    if (!stream || *stream < 5 || *stream > 7) return std::nullopt;
    load.jobs += *jobs;
    load.bytes += static_cast<std::int64_t>(args[i + 3].size());
    if (*delay == 0) continue;
    load.delayed += *jobs;
    const std::string name = name_of(static_cast<std::size_t>(*digit), args[i + 3]);
    if (parked.contains(name) || !names.insert(name).second) return std::nullopt;
  }
  return load;
}

// What to reply instead of storing, if anything. `load` is asked for in a call that is the next
// one.
std::optional<Answer> Twin::refusal(const Words& args, const std::optional<Load>& load,
                                    std::int64_t now) {
  const auto sequence = whole(args[1]);
  const auto max_jobs = whole(args[2]), max_bytes = whole(args[3]), max_age = whole(args[4]);
  if (!sequence || !max_jobs || !max_bytes || !max_age) return bad();

  const std::int64_t depth = counters.ready() + counters.delayed;
  const auto known = producers.find(args[0]);
  const std::int64_t last = known == producers.end() ? 0 : known->second.last;
  if (*sequence <= last) {
    if (known != producers.end()) known->second.seen = now;
    return with_hints(Answer::list({"DUP", depth, counters.bytes, oldest_age(now)}));
  }
  if (*sequence > last + 1) return Answer::list({"GAP", last});
  if (!load) return bad();

  const bool full_jobs = *max_jobs > 0 && depth + load->jobs > *max_jobs;
  const bool full_bytes = *max_bytes > 0 && counters.bytes + load->bytes > *max_bytes;
  if (*max_age > 0) memory.age.reset();
  if (full_jobs || full_bytes || (*max_age > 0 && oldest_age(now) > *max_age)) {
    const std::int64_t bound = *max_jobs > 0 ? *max_jobs : std::max<std::int64_t>(depth, 1);
    const std::int64_t age = oldest_age(now);
    return with_hints(Answer::list({"FULL", depth, counters.bytes, age, retry_after(bound, now)}));
  }
  return std::nullopt;
}

void Twin::record(const Words& args, const Load& load, std::int64_t now) {
  producers[args[0]] = {*whole(args[1]), now};
  counters.accepted += load.jobs;
  counters.bytes += load.bytes;
  counters.delayed += load.delayed;
}

Answer Twin::enqueue(const Words& args, std::int64_t now) {
  const auto load = weigh(args);
  if (auto reply = refusal(args, load, now)) return *reply;
  std::int64_t stored_at = now;
  for (std::size_t i = 5; i < args.size(); i += 4) {
    const std::string& envelope = args[i + 3];
    const std::int64_t delay = *whole(args[i + 1]);
    if (delay > 0) {
      park(due, now + delay, name_of(*whole(args[i + 2]), envelope), envelope);
    } else {
      // Without delayed jobs the entry's own id tells the time.
      const EntryId id = streams[*whole(args[i]) - first_stream].add(now, envelope);
      if (load->delayed == 0) stored_at = id.ms;
    }
  }
  record(args, *load, stored_at);
  return with_hints(Answer::list(
      {"OK", counters.ready() + counters.delayed, counters.bytes, oldest_age(stored_at)}));
}

Answer Twin::open(std::size_t digit, const Words& args, std::int64_t now) {
  std::optional<Load> load;
  const auto jobs = whole(args[5], 1, most::envelopes * most::jobs);
  const auto bytes = whole(args[6], 0, most::envelopes * most::bytes);
  if (jobs && bytes) load = Load{*jobs, *bytes, 0};
  if (auto reply = refusal(args, load, now)) return *reply;
  const std::int64_t age = oldest_age(now);
  record(args, *load, now);
  Stream& stream = streams[digit];
  // A stream is made with its group; one that a plain enqueue made stays without.
  if (!stream.exists) stream.exists = stream.has_group = true;
  for (std::size_t i = 7; i < args.size(); ++i) stream.add(now, args[i]);
  return with_hints(Answer::list({"OK", counters.ready() + counters.delayed, counters.bytes, age}));
}

}  // namespace ferry::model
