// lease.lua: a lease belongs to a worker; who is silent is struck off, and its envelopes move on.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {

Answer Twin::enroll(const Words& args, std::int64_t now) {
  for (Stream& stream : streams) stream.exists = stream.has_group = true;
  workers[args[0]] = now;
  note_life(now, std::nullopt);
  return Answer::list({"OK", paused ? 1 : 0});
}

Answer Twin::renew(const Words& args, std::int64_t now) {
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  workers[args[0]] = now;
  note_life(now, std::nullopt);
  return Answer::list({"OK", paused ? 1 : 0});
}

namespace {

/// Returns: the entries that a worker holds in a stream, the oldest first.
std::vector<EntryId> held(const Stream& stream, const std::string& worker) {
  std::vector<EntryId> ids;
  for (const auto& [id, pending] : stream.pending) {
    if (pending.worker == worker) ids.push_back(id);
  }
  return ids;
}

}  // namespace

Answer Twin::leave(const Words& args) {
  const std::string& worker = args[0];
  workers.erase(worker);
  if (memory.keeper && memory.keeper->name == worker) memory.keeper.reset();
  std::int64_t left = 0;
  for (Stream& stream : streams) {
    const std::size_t holds = held(stream, worker).size();
    left += static_cast<std::int64_t>(holds);
    // Redis forgets what a consumer holds together with the consumer.
    if (holds == 0) stream.consumers.erase(worker);
  }
  return left;
}

Answer Twin::reclaim(const Words& args, std::int64_t now) {
  const std::string& worker = args[0];
  const auto told_lease = whole(args[1], 1, most::lease_ms), told_most = whole(args[2], 1, 200);
  if (!told_lease || !told_most) return bad();
  const std::int64_t lease = *told_lease;
  auto most = static_cast<std::size_t>(*told_most);
  if (!workers.contains(worker)) return Answer::list({"STALE"});

  if (now - note_life(now, lease).first <= lease) return Answer::list({"OK"});

  Words struck;
  for (auto& [name, seen] : workers) {
    if (seen > now) {
      seen = now;  // the clock went back
    } else if (now - seen > lease && name != worker) {
      struck.push_back(name);
    }
  }
  for (const std::string& name : struck) workers.erase(name);

  Answer reply = Answer::list({"OK"});
  for (std::size_t digit = 0; digit < streams.size(); ++digit) {
    Stream& stream = streams[digit];
    std::set<std::string> holders;
    for (const auto& [id, pending] : stream.pending) holders.insert(pending.worker);
    for (const std::string& name : holders) {
      if (workers.contains(name)) continue;
      for (const EntryId& id : held(stream, name)) {
        if (most == 0) break;
        Pending& pending = stream.pending[id];
        pending = {worker, pending.deliveries + 1};
        stream.consumers.insert(worker);
        const auto marks = progress.find(field_of(digit, id));
        reply.parts.push_back(Answer::list({static_cast<std::int64_t>(digit + 4), text_of(id),
                                            stream.entries[id].envelope,
                                            marks == progress.end() ? "" : marks->second, name}));
        --most;
      }
      if (held(stream, name).empty()) stream.consumers.erase(name);
    }
    for (const std::string& name : struck) {
      if (!holders.contains(name)) stream.consumers.erase(name);
    }
  }
  return reply;
}

// Pending under a name that never lives: each reclaim offers them again.
Answer Twin::put_off(std::size_t digit, const Words& args) {
  if (args.size() > 101) return bad();
  for (std::size_t i = 1; i < args.size(); ++i) {
    if (!entry_id(args[i])) return bad();
  }
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  Stream& stream = streams[digit];
  std::int64_t given = 0;
  for (std::size_t i = 1; i < args.size(); ++i) {
    const EntryId id = *entry_id(args[i]);
    if (!stream.held_by(args[0], id)) continue;
    stream.pending[id].worker = "~newer";
    stream.consumers.insert("~newer");
    ++given;
  }
  return Answer::list({"OK", given});
}

Answer Twin::start(const Words& args) {
  if ((args.size() - 1) % 3 != 0 || args.size() > 3001) return bad();
  for (std::size_t i = 1; i < args.size(); i += 3) {
    const auto total = whole(args[i + 1], 1, most::jobs), index = whole(args[i + 2]);
    if (!total || !index || *index >= *total) return bad();
    if (args[i].size() < 2 || args[i][0] < '0' || args[i][0] > '2' || args[i][1] != ':' ||
        !entry_id(args[i].substr(2))) {
      return bad();
    }
  }
  if (!workers.contains(args[0])) return "STALE";
  std::map<std::string, std::string> begun;
  for (std::size_t i = 1; i < args.size(); i += 3) {
    const Stream& stream = streams[static_cast<std::size_t>(args[i][0] - '0')];
    // A late copy of the call leaves nothing behind.
    if (!stream.held_by(args[0], *entry_id(args[i].substr(2)))) continue;
    const auto total = static_cast<std::size_t>(*whole(args[i + 1]));
    if (!begun.contains(args[i])) {
      const auto known = progress.find(args[i]);
      begun[args[i]] = known == progress.end() ? std::string(total, '.') : known->second;
    }
    std::string& marks = begun[args[i]];
    if (marks.size() != total) return bad();
    char& mark = marks.at(static_cast<std::size_t>(*whole(args[i + 2])));
    if (mark != 'x') mark = mark == '.' ? '1' : std::min<char>('9', static_cast<char>(mark + 1));
  }
  for (const auto& [field, marks] : begun) progress[field] = marks;
  return "OK";
}

Answer Twin::fetch(std::size_t digit, const Words& args) {
  Stream& stream = streams[digit];
  if (!stream.has_group) return "error NOGROUP";
  stream.consumers.insert(args[0]);
  Answer reply = Answer::list({});
  const std::size_t most = *whole(args[1]);
  for (auto entry = stream.entries.upper_bound(stream.delivered);
       entry != stream.entries.end() && reply.parts.size() < most; ++entry) {
    const auto& [id, stored] = *entry;
    stream.pending[id] = {args[0], 1};
    stream.delivered = id;
    Answer one = Answer::list({text_of(id), stored.envelope});
    if (!stored.marks.empty()) one.parts.emplace_back(stored.marks);
    reply.parts.push_back(one);
  }
  return reply;
}

}  // namespace ferry::model
