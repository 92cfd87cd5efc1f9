// due.lua and dead.lua: what is parked, until its time comes or somebody decides.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {

Answer Twin::expire_producers(const Words& args, std::int64_t now) {
  const std::int64_t before = now - *whole(args[1]);
  const auto forgotten = static_cast<std::int64_t>(
      std::erase_if(producers, [&](const auto& one) { return one.second.seen < before; }));
  return Answer::list({"0", forgotten});
}

Answer Twin::dead_retry(const Words& args, std::int64_t now) {
  for (std::size_t i = 0; i < args.size(); i += 2) {
    const auto jobs = i + 1 < args.size() ? jobs_in(args[i + 1]) : std::nullopt;
    if (!jobs) return bad();
    if (dead.at.contains(args[i]) && jobs_in(parked.at(args[i])) != jobs) return bad();
  }
  std::int64_t moved = 0;
  for (std::size_t i = 0; i < args.size(); i += 2) {
    if (dead.at.erase(args[i]) == 0) continue;
    parked.erase(args[i]);
    streams[static_cast<std::size_t>(args[i][0] - '0')].add(now, args[i + 1]);
    moved += *jobs_in(args[i + 1]);
    counters.bytes += static_cast<std::int64_t>(args[i + 1].size());
  }
  counters.dead -= moved;
  return moved;
}

Answer Twin::dead_drop(const Words& args) {
  std::int64_t dropped = 0;
  for (const std::string& name : args) {
    if (dead.at.erase(name) == 0) continue;
    dropped += jobs_in(parked.at(name)).value_or(1);
    parked.erase(name);
  }
  counters.dead -= dropped;
  counters.cancelled += dropped;
  return dropped;
}

}  // namespace ferry::model
