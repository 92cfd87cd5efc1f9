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
