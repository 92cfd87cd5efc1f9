// inspect.lua: the books, what is really there, pause and purge.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {

std::int64_t Twin::open_jobs(std::size_t digit, const EntryId& id) const {
  const std::int64_t jobs = jobs_in(streams[digit].entries.at(id).envelope).value_or(0);
  const auto marks = progress.find(field_of(digit, id));
  if (marks == progress.end()) return jobs;
  return jobs - std::count(marks->second.begin(), marks->second.end(), 'x');
}

Answer Twin::counts(std::int64_t now) const {
  std::int64_t envelopes = 0, leased = 0;
  std::optional<std::int64_t> oldest;
  Answer delivered = Answer::list({});
  for (const Stream& stream : streams) {
    envelopes += static_cast<std::int64_t>(stream.entries.size());
    leased += static_cast<std::int64_t>(stream.pending.size());
    const auto at = oldest_waiting(stream);
    if (at && (!oldest || *at < *oldest)) oldest = at;
    delivered.parts.emplace_back(text_of(stream.has_group ? stream.delivered : EntryId{}));
  }
  const auto size = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  const Counters& c = counters;
  return Answer::list({c.accepted, c.done, c.expired, c.cancelled, c.delayed, c.dead, c.bytes,
                       c.ready(), envelopes, leased, size(due.at), size(parked), size(dead.at),
                       size(workers), oldest ? std::max<std::int64_t>(0, now - *oldest) : 0,
                       paused ? 1 : 0, now, delivered});
}

// ARGV: from id (or `-`, or `(` and an id), to id (or `+`), entries at most.
Answer Twin::count_range(std::size_t digit, const Words& args) const {
  const Stream& stream = streams[digit];
  const auto most = whole(args[2], 1, 500);
  if (!most) return bad();
  auto entry = stream.entries.begin();
  if (args[0].starts_with('('))
    entry = stream.entries.upper_bound(*entry_id(args[0].substr(1)));
  else if (args[0] != "-")
    entry = stream.entries.lower_bound(*entry_id(args[0]));
  auto end = stream.entries.end();
  if (args[1] != "+") end = stream.entries.upper_bound(*entry_id(args[1]));

  std::int64_t jobs = 0, bytes = 0, seen = 0;
  std::string last;
  for (; entry != end && entry != stream.entries.end() && seen < *most; ++entry, ++seen) {
    jobs += open_jobs(digit, entry->first);
    bytes += static_cast<std::int64_t>(entry->second.envelope.size());
    last = text_of(entry->first);
  }
  return Answer::list({jobs, bytes, seen == *most ? last : ""});
}

Answer Twin::count_parked(const Timetable& names, const Words& args) const {
  const auto told_from = whole(args[0], 0, exact - 501), told_most = whole(args[1], 1, 500);
  if (!told_from || !told_most) return bad();
  const auto from = static_cast<std::size_t>(*told_from);
  const auto most = static_cast<std::size_t>(*told_most);
  std::int64_t jobs = 0, bytes = 0;
  const Words all = names.first(from + most);
  for (std::size_t i = from; i < all.size(); ++i) {
    const std::string& envelope = parked.at(all[i]);
    jobs += jobs_in(envelope).value_or(0);
    bytes += static_cast<std::int64_t>(envelope.size());
  }
  const std::size_t seen = all.size() > from ? all.size() - from : 0;
  return Answer::list({jobs, bytes, static_cast<std::int64_t>(seen)});
}

Answer Twin::pause(const Words& args) {
  if (args[0] != "0" && args[0] != "1") return bad();
  paused = args[0] == "1";
  return "OK";
}

// First what is delayed, then what waits; never what a worker holds.
Answer Twin::purge(const Words& args) {
  const auto told_most = whole(args[0], 1, 500);
  if (!told_most) return bad();
  memory.age.reset();
  auto most = static_cast<std::size_t>(*told_most);
  std::int64_t delayed = 0, waiting = 0, bytes = 0;
  for (const std::string& name : due.first(most)) {
    // Bytes that no producer stored were never counted.
    if (const auto jobs = jobs_in(parked.at(name))) {
      delayed += *jobs;
      bytes += static_cast<std::int64_t>(parked.at(name).size());
    }
    due.at.erase(name);
    parked.erase(name);
    --most;
  }
  for (std::size_t digit = 0; digit < streams.size(); ++digit) {
    Stream& stream = streams[digit];
    const EntryId from = stream.has_group ? stream.delivered : EntryId{};
    while (most > 0) {
      const auto entry = stream.entries.upper_bound(from);
      if (entry == stream.entries.end()) break;
      const EntryId id = entry->first;
      waiting += open_jobs(digit, id);
      // Bytes that no producer stored were never counted.
      if (jobs_in(entry->second.envelope)) {
        bytes += static_cast<std::int64_t>(entry->second.envelope.size());
      }
      progress.erase(field_of(digit, id));
      stream.entries.erase(id);
      --most;
    }
  }
  counters.cancelled += delayed + waiting;
  counters.delayed -= delayed;
  counters.bytes -= bytes;
  return delayed + waiting;
}

}  // namespace ferry::model
