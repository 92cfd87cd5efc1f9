// due.lua and dead.lua: what is parked, until its time comes or somebody decides.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {

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
    dropped += jobs_in(parked.at(name)).value_or(1);
    dead.at.erase(name);
    parked.erase(name);
  }
  counters.dead -= dropped;
  counters.cancelled += dropped;
  return dropped;
}

}  // namespace ferry::model
