// watch.lua and beat.lua: who lives, and what waits under a name that does not live.
#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "model/twin.hpp"

namespace ferry::model {
namespace {

constexpr std::int64_t longest_lease = 86'400'000;
/// Added to the jobs of what another worker may have begun; also the most deliveries written down.
constexpr int begun_mark = 1000;
constexpr std::size_t most_holders = 100;
constexpr std::size_t most_aged = 20;

std::optional<std::int64_t> lease_in(const std::string& text) {
  const auto lease = whole(text);
  return lease && *lease >= 1 && *lease <= longest_lease ? lease : std::nullopt;
}

bool is_aside(const std::string& name) { return name.starts_with('~'); }

Answer told(const std::vector<Memory::Holder>& holders) {
  Answer list = Answer::list({});
  for (const Memory::Holder& one : holders) {
    list.parts.emplace_back(static_cast<std::int64_t>(one.digit));
    list.parts.emplace_back(one.name);
    list.parts.emplace_back(one.entries);
  }
  return list;
}

/// How many entries each name holds.
std::map<std::string, std::int64_t> holders_in(const Stream& stream) {
  std::map<std::string, std::int64_t> entries;
  for (const auto& [id, pending] : stream.pending) ++entries[pending.worker];
  return entries;
}

}  // namespace

// A gap between signs of life that is longer than a lease begins the watch anew.
Memory::Watch Twin::note_life(std::int64_t now, std::optional<std::int64_t> lease) {
  auto& watch = memory.watch;
  if (!lease) lease = watch ? watch->lease : 1000;
  const bool gap = !watch || now < watch->last || now - watch->last > *lease;
  watch = Memory::Watch{gap ? now : watch->first, now, *lease};
  return *watch;
}

bool Twin::keeps(const std::string& worker, bool wants, std::int64_t now, std::int64_t lease) {
  auto& keeper = memory.keeper;
  const bool is_mine = keeper && keeper->name == worker;
  const bool is_free = !keeper || now < keeper->at || now - keeper->at > keeper->patience;
  if (is_mine && !wants) keeper.reset();
  if (!wants || (!is_mine && !is_free)) return false;
  if (is_mine) {
    keeper->at = now;
  } else {
    keeper = Memory::Keeper{worker, now, std::min<std::int64_t>(lease, 2000)};
  }
  return true;
}

Answer Twin::beat(const Words& args, std::int64_t now) {
  const auto lease = lease_in(args[1]);
  if (!lease) return bad();
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  workers[args[0]] = now;
  note_life(now, lease);
  const bool duty = keeps(args[0], args[2] == "1", now, *lease);
  return Answer::list(
      {"OK", paused ? 1 : 0, 0, "", duty ? 1 : 0, now, memory.alive, told(memory.holders)});
}

void Twin::tell_of(std::size_t digit, const std::string& holder, std::optional<std::int64_t> more) {
  auto& list = memory.holders;
  const auto known = std::find_if(list.begin(), list.end(), [&](const Memory::Holder& one) {
    return one.digit == digit && one.name == holder;
  });
  Memory::Holder one{digit, holder, more.value_or(0)};
  if (known != list.end()) {
    one.entries += known->entries;
    list.erase(known);
  }
  if (more && list.size() < most_holders) list.push_back(one);
}

std::optional<Words> Twin::strike(const std::string& worker, std::int64_t now, std::int64_t lease) {
  if (!workers.contains(worker)) return std::nullopt;
  Words struck;
  if (now - note_life(now, lease).first <= lease) return struck;
  for (auto& [name, seen] : workers) {
    if (seen > now) {
      seen = now;  // the clock went back
    } else if (now - seen > lease && name != worker) {
      struck.push_back(name);
    }
  }
  for (const std::string& name : struck) workers.erase(name);
  return struck;
}

Answer Twin::look(const Words& args, std::int64_t now) {
  const auto lease = lease_in(args[1]);
  if (!lease) return bad();
  const auto struck = strike(args[0], now, *lease);
  if (!struck) return Answer::list({"STALE"});
  const bool in_grace = now - memory.watch->first <= *lease;
  std::vector<Memory::Holder> list, aside;
  std::optional<std::int64_t> oldest;
  for (std::size_t digit = 0; digit < streams.size(); ++digit) {
    const auto holders = holders_in(streams[digit]);
    for (const auto& [name, entries] : holders) {
      if (is_aside(name)) {
        aside.push_back({digit, name, entries});
        if (aside.size() > most_aged) continue;
        for (const auto& [id, pending] : streams[digit].pending) {
          if (pending.worker != name) continue;
          oldest = std::min(oldest.value_or(id.ms), id.ms);
          break;
        }
      } else if (!in_grace && !workers.contains(name)) {
        list.push_back({digit, name, entries});
      }
    }
    for (const std::string& name : *struck) {
      if (!holders.contains(name)) streams[digit].consumers.erase(name);
    }
  }
  // The dead first; those that are set aside in turns where they are too many.
  list.resize(std::min(list.size(), most_holders));
  const std::size_t room = most_holders - list.size();
  const std::size_t first = aside.size() > room ? (memory.looks + 1) * room : 0;
  for (std::size_t i = 0; i < std::min(aside.size(), room); ++i) {
    list.push_back(aside[(first + i) % aside.size()]);
  }
  ++memory.looks;
  memory.aside.reset();
  if (oldest) memory.aside = Memory::Aside{now, *oldest};
  memory.holders = list;
  memory.alive = static_cast<std::int64_t>(workers.size());
  return Answer::list({"OK", memory.alive, told(list), Answer::list({})});
}

namespace {

/// What a holder left of an entry: its jobs, 0 where they are not known, and its deliveries.
std::pair<std::int64_t, int> left_by(const std::string& holder, int number) {
  if (!is_aside(holder)) return {0, std::min(number + 1, begun_mark)};
  if (holder == "~newer") return {0, std::min(number, begun_mark)};
  if (number > begun_mark) return {number - begun_mark, 2};
  return {number, 1};
}

}  // namespace

Answer Twin::claim(std::size_t digit, const Words& args) {
  const std::string& worker = args[0];
  const std::string& holder = args[1];
  const auto most = whole(args[2]), most_jobs = whole(args[3]);
  if (!most || *most < 1 || *most > 200 || !most_jobs) return bad();
  if (paused) return Answer::list({"PAUSED"});
  if (!workers.contains(worker)) return Answer::list({"STALE"});
  Answer reply = Answer::list({"OK"});
  if ((workers.contains(holder) && !is_aside(holder)) || !streams[digit].has_group) return reply;

  Stream& stream = streams[digit];
  std::vector<EntryId> found;
  std::int64_t jobs = 0;
  int deliveries = 1;
  for (const auto& [id, pending] : stream.pending) {
    if (pending.worker != holder) continue;
    const auto [some, times] = left_by(holder, pending.deliveries);
    const bool full = *most_jobs > 0 && jobs + some > *most_jobs;
    if (std::ssize(found) == *most || (full && !found.empty())) break;
    jobs += some;
    deliveries = std::max(deliveries, times);
    found.push_back(id);
  }
  for (const EntryId& id : found) {
    const bool begun = left_by(holder, stream.pending[id].deliveries).second > 1;
    const auto marks = progress.find(field_of(digit, id));
    reply.parts.push_back(
        Answer::list({text_of(id), marks == progress.end() ? "" : marks->second, begun ? 1 : 0}));
    stream.pending[id] = {worker, begun ? deliveries : 1};
    stream.consumers.insert(worker);
  }
  // A full answer does not tell whether there is more.
  if (std::ssize(found) < *most && !holders_in(stream).contains(holder)) {
    stream.consumers.erase(holder);
    tell_of(digit, holder, std::nullopt);
  }
  return reply;
}

Answer Twin::hint(const Words& args) {
  std::set<std::string> named;
  std::istringstream words(args[1]);
  for (std::string word; std::getline(words, word, ' ');) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    if (equals == std::string::npos) return bad();
    const std::string kind = word.substr(0, equals);
    const bool is_kind =
        !kind.empty() && kind.size() <= 64 && std::ranges::all_of(kind, [](unsigned char c) {
          return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
        });
    if (!is_kind || !named.insert(kind).second) return bad();
    if (!whole(word.substr(equals + 1), 1, 1000)) return bad();
  }
  if (named.size() > 64) return bad();
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  hints = args[1];
  has_hints = true;
  return Answer::list({"OK"});
}

Answer Twin::set_aside(std::size_t digit, const Words& args) {
  const std::string& worker = args[0];
  const std::string& holder = args[1];
  const bool is_name = std::all_of(holder.begin(), holder.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("~_.:-").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!is_aside(holder) || holder.size() < 2 || holder.size() > 80 || !is_name) return bad();
  if (holder.find('~', 1) != std::string::npos) return bad();
  if (args.size() % 2 != 0 || args.size() > 202) return bad();
  for (std::size_t i = 2; i < args.size(); i += 2) {
    const auto jobs = whole(args[i + 1]);
    if (!entry_id(args[i]) || !jobs || *jobs < 1 || *jobs > 1000) return bad();
  }
  if (!workers.contains(worker)) return Answer::list({"STALE"});
  Stream& stream = streams[digit];
  std::int64_t given = 0;
  for (std::size_t i = 2; i < args.size(); i += 2) {
    const EntryId id = *entry_id(args[i]);
    const Pending* held = stream.held_by(worker, id);
    if (held == nullptr) continue;
    const std::int64_t number = *whole(args[i + 1]) + (held->deliveries > 1 ? begun_mark : 0);
    const int deliveries = std::min(held->deliveries, begun_mark);
    stream.pending[id] = {holder, holder == "~newer" ? deliveries : static_cast<int>(number)};
    stream.consumers.insert(holder);
    ++given;
  }
  if (given > 0) tell_of(digit, holder, given);
  return Answer::list({"OK", given});
}

}  // namespace ferry::model
