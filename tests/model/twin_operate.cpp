// books.lua, remove.lua and dead_large.lua: what operators see, take out and put back.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {

// ARGV: bytes that a stored envelope may have on average, where one is to be read for its age.
Answer Twin::books(const Words& args, std::int64_t now) const {
  Answer told = counts(now);
  std::size_t envelopes = 0;
  bool any_waits = false;
  std::optional<std::int64_t> oldest;
  for (const Stream& stream : streams) {
    envelopes += stream.entries.size();
    any_waits = any_waits || stream.entries.size() > stream.pending.size();
    const auto at = oldest_waiting(stream);
    if (at && (!oldest || *at < *oldest)) oldest = at;
  }
  const auto stored = static_cast<std::int64_t>(envelopes + due.at.size());
  oldest = oldest_of(oldest, now);
  const bool too_large = counters.bytes > *whole(args[0]) * stored;
  told.parts[14] = oldest ? std::max<std::int64_t>(0, now - *oldest) : 0;
  if (any_waits && too_large) told.parts[14] = -1;
  told.parts.push_back(Answer::list({}));
  return told;
}

// ARGV: from id (or `-`, or `(` and an id), to id (or `+`), entries at most, bytes, `1` to list.
Answer Twin::weigh_slice(std::size_t digit, const Words& args) const {
  const auto most = whole(args[2]), most_bytes = whole(args[3]);
  if (!most || *most < 1 || *most > 500 || !most_bytes) return bad();
  const Stream& stream = streams[digit];
  auto entry = stream.entries.begin();
  if (args[0].starts_with('('))
    entry = stream.entries.upper_bound(*entry_id(args[0].substr(1)));
  else if (args[0] != "-")
    entry = stream.entries.lower_bound(*entry_id(args[0]));
  auto end = stream.entries.end();
  if (args[1] != "+") end = stream.entries.upper_bound(*entry_id(args[1]));

  std::int64_t jobs = 0, bytes = 0, read = 0, seen = 0, largest = 0;
  std::string last;
  Answer list = Answer::list({});
  do {
    if (entry == end || entry == stream.entries.end()) {
      last.clear();
      break;
    }
    const auto& [id, stored] = *entry;
    // With the names of its fields: `e`, and `m` in front of marks.
    const auto size = static_cast<std::int64_t>(
        1 + stored.envelope.size() + (stored.marks.empty() ? 0 : 1 + stored.marks.size()));
    const auto envelope = static_cast<std::int64_t>(stored.envelope.size());
    const std::int64_t open = open_jobs(digit, id);
    jobs += open;
    bytes += envelope;
    read += size;
    largest = std::max(largest, size);
    last = text_of(id);
    ++seen;
    if (args[4] == "1") {
      for (const Answer& part :
           {Answer(last), Answer(open), Answer(jobs_in(stored.envelope) ? envelope : 0)}) {
        list.parts.push_back(part);
      }
    }
    ++entry;
  } while (seen < *most && read < *most_bytes);
  return Answer::list({jobs, bytes, last, seen, largest, list});
}

// ARGV: from rank, entries at most, bytes, `1` to list.
Answer Twin::weigh_parked(const Timetable& names, const Words& args) const {
  const auto from = whole(args[0]), most = whole(args[1]), most_bytes = whole(args[2]);
  if (!from || !most || *most < 1 || *most > 500 || !most_bytes) return bad();
  const Words all = names.first(static_cast<std::size_t>(*from + *most));
  std::int64_t jobs = 0, bytes = 0, seen = 0, read = 0;
  Answer list = Answer::list({});
  for (auto i = static_cast<std::size_t>(*from); i < all.size(); ++i) {
    if (seen > 0 && read >= *most_bytes) break;
    const std::string& envelope = parked.at(all[i]);
    const auto size = static_cast<std::int64_t>(envelope.size());
    const bool is_read = size <= *most_bytes;
    const std::int64_t found = is_read ? jobs_in(envelope).value_or(0) : -1;
    if (is_read) {
      jobs += found;
      read += size;
    }
    bytes += size;
    ++seen;
    if (is_read && args[3] != "1") continue;
    for (const Answer& part : {Answer(all[i]), Answer(found), Answer(size)}) {
      list.parts.push_back(part);
    }
  }
  return Answer::list({jobs, bytes, seen, list});
}

// ARGV: for each: where, name or entry id, jobs, bytes.
Answer Twin::remove(const Words& args) {
  if (args.size() % 4 != 0 || args.size() > 2000) return bad();
  for (std::size_t i = 0; i < args.size(); i += 4) {
    const bool is_parked = args[i] == "due" || args[i] == "dead";
    const bool is_stream = args[i] == "0" || args[i] == "1" || args[i] == "2";
    if (!is_parked && !is_stream) return bad();
    if (is_stream && !entry_id(args[i + 1])) return bad();
    const auto jobs = whole(args[i + 2]), bytes = whole(args[i + 3]);
    if (!jobs || *jobs > 1000 || !bytes) return bad();
  }
  memory.age.reset();
  std::int64_t removed = 0, envelopes = 0;
  for (std::size_t i = 0; i < args.size(); i += 4) {
    const std::int64_t jobs = *whole(args[i + 2]), bytes = *whole(args[i + 3]);
    if (args[i] == "due" || args[i] == "dead") {
      Timetable& names = args[i] == "due" ? due : dead;
      const auto stored = parked.find(args[i + 1]);
      const bool same =
          stored != parked.end() && static_cast<std::int64_t>(stored->second.size()) == bytes;
      if (!same || names.at.erase(args[i + 1]) == 0) continue;
      parked.erase(stored);
      (args[i] == "due" ? counters.delayed : counters.dead) -= jobs;
      if (args[i] == "due") counters.bytes -= bytes;
    } else {
      const auto digit = static_cast<std::size_t>(args[i][0] - '0');
      Stream& stream = streams[digit];
      const EntryId id = *entry_id(args[i + 1]);
      const EntryId delivered = stream.has_group ? stream.delivered : EntryId{};
      if (id <= delivered || stream.entries.erase(id) == 0) continue;
      progress.erase(field_of(digit, id));
      counters.bytes -= bytes;
    }
    counters.cancelled += jobs;
    removed += jobs;
    ++envelopes;
  }
  return Answer::list({removed, envelopes});
}

// ARGV: ms that a worker must have been silent.
Answer Twin::forget(const Words& args, std::int64_t now) {
  const auto silent = whole(args[0]);
  if (!silent) return bad();
  std::size_t envelopes = 0;
  for (const Stream& stream : streams) envelopes += stream.entries.size();
  const auto living = std::count_if(workers.begin(), workers.end(), [&](const auto& worker) {
    return now - worker.second <= *silent;
  });
  const auto size = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  if (envelopes + due.at.size() + dead.at.size() + parked.size() > 0 || living > 0) {
    return Answer::list({"USED", static_cast<std::int64_t>(envelopes), size(due.at), size(dead.at),
                         size(parked), static_cast<std::int64_t>(living)});
  }
  for (Stream& stream : streams) stream = Stream();
  counters = Counters();
  paused = false;
  workers.clear();
  progress.clear();
  hints.clear();
  has_hints = false;
  return Answer::list({"OK", size(producers)});
}

// The whole transaction. ARGV: name, bytes of the letter, jobs, bytes of the envelope, the
// envelope.
Answer Twin::dead_open(std::size_t digit, const Words& args, std::int64_t now) {
  const auto jobs = whole(args[2]), bytes = whole(args[3]);
  if (!jobs || *jobs < 1 || *jobs > 1000 || !bytes) return bad();
  const auto letter = parked.find(args[0]);
  const std::string size = letter == parked.end() ? "0" : std::to_string(letter->second.size());
  if (size != args[1] || !dead.at.contains(args[0])) return "GONE";
  Stream& stream = streams[digit];
  stream.has_group = stream.has_group || !stream.exists;
  stream.add(now, args[4]);
  counters.dead -= *jobs;
  counters.bytes += *bytes;
  dead.at.erase(args[0]);
  parked.erase(letter);
  return Answer::list({"OK", *jobs});
}

}  // namespace ferry::model
