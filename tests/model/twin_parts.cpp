// parts.lua: groups of jobs that leave their envelope as envelopes of their own.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {
namespace {

constexpr std::int64_t longest_delay = 31'622'400'000;

struct Part {
  bool fails = false;
  std::int64_t delay = 0;
  std::vector<std::size_t> at{};
  std::string envelope{};
};

/// Returns: a list, or nothing when something is wrong with one of them.
std::optional<std::vector<Part>> parts_in(const Words& args, std::size_t total) {
  if (args.size() % 4 != 0) return std::nullopt;
  std::vector<Part> parts;
  std::set<std::size_t> leaving;
  for (std::size_t i = 4; i < args.size(); i += 4) {
    const auto delay = whole(args[i + 1]);
    const std::string& packed = args[i + 2];
    const bool is_verb = args[i] == "r" || args[i] == "f";
    if (!is_verb || !delay || *delay > longest_delay || packed.size() % 2 != 0) return std::nullopt;
    Part part{args[i] == "f", *delay, {}, args[i + 3]};
    for (std::size_t k = 0; k < packed.size(); k += 2) {
      const auto high = static_cast<unsigned char>(packed[k]);
      const auto low = static_cast<unsigned char>(packed[k + 1]);
      part.at.push_back(high * 256u + low);
      if (part.at.back() >= total || !leaving.insert(part.at.back()).second) return std::nullopt;
    }
    if (jobs_in(part.envelope) != std::ssize(part.at)) return std::nullopt;
    parts.push_back(std::move(part));
  }
  return parts;
}

std::string marks_of(const Part& part, const std::string& marks) {
  std::string own;
  for (const std::size_t at : part.at) own += marks[at];
  return own;
}

}  // namespace

Answer Twin::part(std::size_t digit, const Words& args, std::int64_t now) {
  if (args.size() < 8) return bad();
  const auto total = whole(args[2]), envelope_bytes = whole(args[3]);
  if (!total || *total < 1 || *total > 1000 || !envelope_bytes || !entry_id(args[1])) return bad();
  auto parts = parts_in(args, static_cast<std::size_t>(*total));
  if (!parts) return bad();
  Stream& stream = streams[digit];
  const EntryId id = *entry_id(args[1]);
  if (!workers.contains(args[0])) return Answer::list({"STALE"});
  if (!stream.held_by(args[0], id)) return Answer::list({"GONE"});
  const std::string field = field_of(digit, id);
  const std::string known = progress.contains(field)
                                ? progress[field]
                                : std::string(static_cast<std::size_t>(*total), '.');
  if (std::ssize(known) != *total) return bad();

  // What left before a reply was lost is passed over.
  std::string marks = known;
  std::int64_t leaving = 0;
  for (const Part& part : *parts) {
    const std::string own = marks_of(part, known);
    const auto gone = std::count(own.begin(), own.end(), 'x');
    if (gone > 0 && gone < std::ssize(own)) return bad();
    if (gone == 0 && part.delay > 0 && own.find_first_of("123456789") != std::string::npos) {
      return bad();
    }
    if (gone == 0) leaving += std::ssize(own);
    for (const std::size_t at : part.at) marks[at] = 'x';
  }
  std::erase_if(*parts, [&](const Part& one) { return marks_of(one, known)[0] == 'x'; });

  const auto append = [&](const Part& part) {
    const std::string own = marks_of(part, known);
    const bool suspects = own.find_first_of("123456789") != std::string::npos;
    const EntryId at = stream.add(now, part.envelope, suspects ? own : "");
    if (suspects) progress[field_of(digit, at)] = own;
  };
  for (const Part& part : *parts) {
    if (part.fails) continue;
    counters.bytes += std::ssize(part.envelope);
    const std::string name = name_of(digit, part.envelope);
    if (part.delay > 0 && park(due, now + part.delay, name, part.envelope)) {
      counters.delayed += std::ssize(part.at);
    } else {
      append(part);
    }
  }
  for (const Part& part : *parts) {
    if (!part.fails) continue;
    counters.dead += std::ssize(part.at);
    if (park(dead, now, name_of(digit, part.envelope), part.envelope)) continue;
    const std::string own = big_endian(static_cast<std::int64_t>(part.at[0]) + 1, 2) +
                            big_endian(id.ms, 6) + big_endian(id.count, 8);
    const std::string letter = with_head(part.envelope, std::ssize(part.at), own);
    park(dead, now, name_of(digit, letter), letter);
  }
  const bool finished = marks.find_first_not_of('x') == std::string::npos;
  if (finished) {
    stream.remove(id);
    progress.erase(field);
    counters.bytes -= *envelope_bytes;
  } else if (!parts->empty()) {
    progress[field] = marks;
  }
  return Answer::list({"OK", leaving, finished ? 1 : 0});
}

Answer Twin::dead_split(const Words& args) {
  const std::string& name = args[0];
  const bool is_name = name.size() == 34 && name[0] >= '0' && name[0] <= '2' && name[1] == ':' &&
                       name.find_first_not_of("0123456789abcdef", 2) == std::string::npos;
  if (!is_name) return bad();
  const auto digit = static_cast<std::size_t>(name[0] - '0');
  std::int64_t jobs = 0;
  std::set<std::string> names;
  bool taken = false;
  for (std::size_t i = 1; i < args.size(); ++i) {
    const auto some = jobs_in(args[i]);
    if (!some) return bad();
    jobs += *some;
    const std::string own = name_of(digit, args[i]);
    taken = taken || !names.insert(own).second || (own != name && parked.contains(own));
  }
  const auto died = dead.at.find(name);
  if (died == dead.at.end() || (args.size() > 1 && parked.at(name) == args[1])) return 0;
  if (jobs_in(parked.at(name)) != jobs || taken) return bad();
  const std::int64_t when = died->second;
  dead.at.erase(name);
  parked.erase(name);
  for (std::size_t i = 1; i < args.size(); ++i) park(dead, when, name_of(digit, args[i]), args[i]);
  return std::ssize(args) - 1;
}

}  // namespace ferry::model
