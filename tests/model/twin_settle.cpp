// settle.lua: what became of the jobs of an envelope, told by the worker that holds it.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {
namespace {

std::int64_t number_in(const std::string& big_endian) {
  std::int64_t number = 0;
  for (const char byte : big_endian) number = number * 256 + static_cast<unsigned char>(byte);
  return number;
}

}  // namespace

Words arguments_of_finish(const std::string& worker, const std::vector<Whole>& envelopes) {
  std::int64_t jobs = 0, bytes = 0;
  std::string each;
  for (const Whole& one : envelopes) {
    jobs += one.jobs;
    bytes += one.bytes;
    each += big_endian(one.jobs, 2) + big_endian(one.bytes, 4);
  }
  Words args{worker, std::to_string(jobs), std::to_string(bytes), each};
  for (const Whole& one : envelopes) args.push_back(one.id);
  return args;
}

Answer Twin::finish(std::size_t digit, const Words& args) {
  const std::int64_t envelopes = static_cast<std::int64_t>(args.size()) - 4;
  const auto jobs = whole(args[1], 0, most::jobs * envelopes);
  const auto bytes = whole(args[2], 0, most::bytes * envelopes);
  if (!jobs || !bytes || envelopes < 1 || envelopes > 300) return bad();
  if (args[3].size() != 6 * static_cast<std::size_t>(envelopes)) return bad();
  Words told{args[0]};
  for (std::size_t i = 4; i < args.size(); ++i) {
    const std::string numbers = args[3].substr(6 * (i - 4), 6);
    told.insert(told.end(), {args[i], std::to_string(number_in(numbers.substr(0, 2))),
                             std::to_string(number_in(numbers.substr(2)))});
  }
  return done(digit, told);
}

// An entry that is named and still there leaves; what is gone was settled by the same call before.
Answer Twin::done(std::size_t digit, const Words& args) {
  if (args.size() < 4 || (args.size() - 1) % 3 != 0 || args.size() > 901) return bad();
  for (std::size_t i = 1; i < args.size(); i += 3) {
    if (!whole(args[i + 1], 0, most::jobs) || !whole(args[i + 2], 0, most::bytes)) return bad();
  }
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  Stream& stream = streams[digit];
  std::int64_t settled = 0;
  std::vector<std::size_t> named;
  for (std::size_t i = 1; i < args.size(); i += 3) {
    settled += static_cast<std::int64_t>(stream.pending.erase(*entry_id(args[i])));
  }
  if (settled == 0) return Answer::list({"OK", 0});
  for (std::size_t i = 1; i < args.size(); i += 3) {
    progress.erase(std::to_string(digit) + ":" + args[i]);
    if (stream.entries.erase(*entry_id(args[i])) == 0) continue;
    counters.done += *whole(args[i + 1]);
    counters.bytes -= *whole(args[i + 2]);
  }
  return Answer::list({"OK", settled});
}

namespace {

/// Returns: the indexes, or nothing when one of them is not below `total`.
std::optional<std::vector<std::size_t>> indexes(const std::string& packed, std::size_t total) {
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < packed.size(); i += 2) {
    if (i + 1 == packed.size()) return std::nullopt;
    const auto high = static_cast<unsigned char>(packed[i]);
    const auto low = static_cast<unsigned char>(packed[i + 1]);
    list.push_back(high * 256u + low);
    if (list.back() >= total) return std::nullopt;
  }
  return list;
}

/// Whether the jobs that move are told rightly: index, verb, delay, envelope of one job.
bool moves_are_right(const Words& args, std::int64_t total) {
  if ((args.size() - 6) % 4 != 0) return false;
  for (std::size_t i = 6; i < args.size(); i += 4) {
    const auto index = whole(args[i]);
    if (!index || *index >= total) return false;
    if (args[i + 1] != "r" && args[i + 1] != "f") return false;
    if (!whole(args[i + 2], 0, most::delay_ms) || jobs_in(args[i + 3]) != 1) return false;
  }
  return true;
}

}  // namespace

Answer Twin::settle(std::size_t digit, const Words& args, std::int64_t now) {
  const auto total = whole(args[2], 1, most::jobs), envelope_bytes = whole(args[3], 0, most::bytes);
  if (!total || !envelope_bytes) return bad();
  const auto done_jobs = indexes(args[4], *total), expired_jobs = indexes(args[5], *total);
  if (!done_jobs || !expired_jobs || !moves_are_right(args, *total)) return bad();

  Stream& stream = streams[digit];
  const EntryId id = *entry_id(args[1]);
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  if (!stream.held_by(args[0], id)) return Answer::list({"GONE"});

  const std::string field = field_of(digit, id);
  std::string marks = progress.contains(field) ? progress[field] : std::string(*total, '.');
  if (static_cast<std::int64_t>(marks.size()) != *total) return bad();
  std::int64_t settled = 0;
  const auto take = [&](std::size_t index) {
    if (marks[index] == 'x') return false;
    marks[index] = 'x';
    ++settled;
    return true;
  };

  for (const std::size_t index : *done_jobs) counters.done += take(index);
  for (const std::size_t index : *expired_jobs) counters.expired += take(index);
  for (std::size_t i = 6; i < args.size(); i += 4) {
    if (!take(*whole(args[i]))) continue;
    const std::string& envelope = args[i + 3];
    const auto bytes = static_cast<std::int64_t>(envelope.size());
    const std::int64_t delay = *whole(args[i + 2]);
    const std::string name = name_of(digit, envelope);
    if (args[i + 1] == "r" && delay == 0) {
      stream.add(now, envelope);
      counters.bytes += bytes;
    } else if (args[i + 1] == "r" && park(due, now + delay, name, envelope)) {
      counters.delayed += 1;
      counters.bytes += bytes;
    } else if (args[i + 1] == "f" && park(dead, now, name, envelope)) {
      counters.dead += 1;
    } else {
      counters.cancelled += 1;  // the same job is parked already
    }
  }

  const bool finished = marks.find_first_not_of('x') == std::string::npos;
  if (finished) {
    stream.remove(id);
    progress.erase(field);
    counters.bytes -= *envelope_bytes;
  } else {
    progress[field] = marks;
  }
  return Answer::list({"OK", settled, finished ? 1 : 0});
}

Answer Twin::bury(std::size_t digit, const Words& args, std::int64_t now) {
  if (!jobs_in(args[3]) || !whole(args[2])) return bad();
  Stream& stream = streams[digit];
  const EntryId id = *entry_id(args[1]);
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  if (!stream.held_by(args[0], id)) return Answer::list({"GONE"});

  const std::string& envelope = stream.entries.at(id).envelope;
  const auto bytes = static_cast<std::int64_t>(envelope.size());
  const auto stored = jobs_in(envelope);
  const std::int64_t jobs = stored ? open_jobs(digit, id) : 1;
  std::string first = first_id(args[3]);
  if (!stored || parked.contains(name_of(digit, args[3]))) {
    first = big_endian(id.ms, 8) + big_endian(id.count, 8);
  }
  const std::string letter = with_head(args[3], jobs, first);
  park(dead, now, name_of(digit, letter), letter);
  stream.remove(id);
  progress.erase(field_of(digit, id));
  counters.dead += jobs;
  if (stored) {
    counters.bytes -= bytes;
  } else {
    counters.accepted += jobs;  // nobody had counted it
  }
  return Answer::list({"OK", jobs});
}

// The entry goes to the end of its stream with its marks; no delivery is counted.
Answer Twin::release(std::size_t digit, const Words& args, std::int64_t now) {
  if (args.size() > 101) return bad();
  for (std::size_t i = 1; i < args.size(); ++i) {
    if (!entry_id(args[i])) return bad();
  }
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  Stream& stream = streams[digit];
  std::int64_t released = 0;
  for (std::size_t i = 1; i < args.size(); ++i) {
    const EntryId id = *entry_id(args[i]);
    if (!stream.held_by(args[0], id)) continue;
    const std::string envelope = stream.entries.at(id).envelope;
    const auto marks = progress.find(field_of(digit, id));
    if (marks == progress.end()) {
      stream.add(now, envelope);
    } else {
      const EntryId moved = stream.add(now, envelope, marks->second);
      progress[field_of(digit, moved)] = marks->second;
      progress.erase(field_of(digit, id));
    }
    stream.remove(id);
    ++released;
  }
  return Answer::list({"OK", released});
}

}  // namespace ferry::model
