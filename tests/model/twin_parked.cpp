// due.lua and dead.lua: what is parked, until its time comes or somebody decides.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {

// What is due goes to its stream: one envelope as it is, several as bundles of at most a thousand
// jobs and `most_bytes`, in the order in which they are due.
Answer Twin::promote(const Words& args, std::int64_t now) {
  const std::size_t most = *whole(args[0]);
  const std::int64_t most_bytes = *whole(args[1]);
  struct Open {
    Words list{};
    std::int64_t jobs = 0, bytes = 0;
  };
  std::array<Open, 3> open;
  std::int64_t moved = 0;
  const auto close = [&](std::size_t digit) {
    Open& o = open[digit];
    if (o.list.empty()) return;
    const std::string envelope = bundle(o.list, o.jobs);
    counters.bytes += static_cast<std::int64_t>(envelope.size()) - o.bytes;
    streams[digit].add(now, envelope);
    o = Open();
  };

  for (const std::string& name : due.first(most, now)) {
    due.at.erase(name);
    const auto found = parked.find(name);
    if (found == parked.end()) continue;
    const std::string envelope = found->second;
    parked.erase(found);
    const std::int64_t jobs = jobs_in(envelope).value_or(1);
    const auto bytes = static_cast<std::int64_t>(envelope.size());
    const auto digit = static_cast<std::size_t>(name[0] - '0');
    Open& o = open[digit];
    if (o.jobs + jobs > 1000 || o.bytes + bytes > most_bytes) close(digit);
    o.list.push_back(envelope);
    o.jobs += jobs;
    o.bytes += bytes;
    moved += jobs;
  }
  for (std::size_t digit = 0; digit < open.size(); ++digit) close(digit);
  counters.delayed -= moved;

  const Words next = due.first(1);
  return Answer::list(
      {moved, next.empty() ? -1 : std::max<std::int64_t>(0, due.at[next[0]] - now)});
}

Answer Twin::expire_producers(const Words& args, std::int64_t now) {
  const auto silent = whole(args[1], 0, most::delay_ms);
  if (!silent || !whole(args[0])) return bad();
  const std::int64_t before = now - *silent;
  const auto forgotten = static_cast<std::int64_t>(
      std::erase_if(producers, [&](const auto& one) { return one.second.seen < before; }));
  return Answer::list({"0", forgotten});
}

namespace {

/// Returns: the names of a call that are those of dead letters, each once, with their places.
std::map<std::string, std::size_t> letters(const Timetable& dead, const Words& args,
                                           std::size_t step) {
  std::map<std::string, std::size_t> found;
  for (std::size_t i = 0; i < args.size(); i += step) {
    if (is_name(args[i]) && dead.at.contains(args[i])) found.emplace(args[i], i);
  }
  return found;
}

}  // namespace

Answer Twin::dead_retry(const Words& args, std::int64_t now) {
  if (args.size() > 400) return bad();
  for (std::size_t i = 0; i < args.size(); i += 2) {
    if (i + 1 == args.size() || !jobs_in(args[i + 1])) return bad();
  }
  const auto found = letters(dead, args, 2);
  std::map<std::size_t, std::string> in_order;
  for (const auto& [name, at] : found) {
    if (jobs_in(parked.at(name)) != jobs_in(args[at + 1])) return bad();
    in_order[at] = name;
  }
  std::int64_t moved = 0;
  for (const auto& [at, name] : in_order) {
    const std::string& envelope = args[at + 1];
    dead.at.erase(name);
    parked.erase(name);
    streams[static_cast<std::size_t>(name[0] - '0')].add(now, envelope);
    moved += *jobs_in(envelope);
    counters.bytes += static_cast<std::int64_t>(envelope.size());
  }
  counters.dead -= moved;
  return moved;
}

Answer Twin::dead_drop(const Words& args) {
  if (args.size() > 500) return bad();
  std::int64_t dropped = 0;
  for (const auto& [name, at] : letters(dead, args, 1)) {
    dropped += jobs_in(parked.at(name)).value_or(0);
    dead.at.erase(name);
    parked.erase(name);
  }
  counters.dead -= dropped;
  counters.cancelled += dropped;
  return dropped;
}

}  // namespace ferry::model
