#include "model/twin.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

namespace ferry::model {

std::string printable(const std::string& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 32 && byte < 127) {
      text += c;
    } else {
      text += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return text;
}

std::string show(const Answer& answer) {
  if (!answer.is_list) return printable(answer.text);
  std::string text;
  for (const Answer& part : answer.parts) text += (text.empty() ? "" : ", ") + show(part);
  return "[" + text + "]";
}

std::string text_of(const EntryId& id) {
  return std::to_string(id.ms) + "-" + std::to_string(id.count);
}

std::optional<EntryId> entry_id(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto ms = whole(std::string(text.substr(0, dash)));
  const auto count = whole(std::string(text.substr(dash + 1)));
  if (!ms || !count) return std::nullopt;
  return EntryId{*ms, *count};
}

EntryId Stream::add(std::int64_t now, std::string envelope, std::string marks) {
  exists = true;
  last = now > last.ms ? EntryId{now, 0} : EntryId{last.ms, last.count + 1};
  entries[last] = {std::move(envelope), std::move(marks)};
  return last;
}

const Pending* Stream::held_by(const std::string& worker, const EntryId& id) const {
  const auto found = pending.find(id);
  return found != pending.end() && found->second.worker == worker ? &found->second : nullptr;
}

void Stream::remove(const EntryId& id) {
  pending.erase(id);
  entries.erase(id);
}

Words Timetable::first(std::size_t most, std::int64_t until) const {
  std::set<std::pair<std::int64_t, std::string>> ordered;
  for (const auto& [name, time] : at) {
    if (time <= until) ordered.emplace(time, name);
  }
  Words names;
  for (const auto& [time, name] : ordered) {
    if (names.size() < most) names.push_back(name);
  }
  return names;
}

std::optional<std::int64_t> whole(const std::string& text, std::int64_t least, std::int64_t most) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || behind != end || text.starts_with('-')) return std::nullopt;
  if (number < least || number > most) return std::nullopt;
  return number;
}

bool is_name(const std::string& name) {
  return name.size() == 34 && name[0] >= '0' && name[0] <= '2' && name[1] == ':' &&
         std::all_of(name.begin() + 2, name.end(),
                     [](unsigned char c) { return std::isxdigit(c) != 0; });
}

namespace {

/// Returns: the number of jobs and where the first id begins.
std::optional<std::pair<std::int64_t, std::size_t>> head(const std::string& envelope) {
  const auto byte = [&](std::size_t at) {
    return at < envelope.size() ? static_cast<unsigned char>(envelope[at]) : -1;
  };
  if ((byte(0) != 0x95 && byte(0) != 0x96) || byte(1) != 1) return std::nullopt;
  std::int64_t jobs = byte(3);
  std::size_t at = 4;
  if (jobs == 0xcc) {
    jobs = byte(4);
    at = 5;
  } else if (jobs == 0xcd) {
    jobs = byte(5) < 0 ? -1 : byte(4) * 256 + byte(5);
    at = 6;
  } else if (jobs > 0x7f) {
    return std::nullopt;
  }
  if (jobs < 1 || jobs > 1000) return std::nullopt;
  if (byte(at) != 0xc4 || byte(at + 1) != 16 || envelope.size() < at + 18) return std::nullopt;
  return std::pair{jobs, at + 2};
}

}  // namespace

std::optional<std::int64_t> jobs_in(const std::string& envelope) {
  const auto found = head(envelope);
  return found ? std::optional(found->first) : std::nullopt;
}

std::string first_id(const std::string& envelope) {
  return envelope.substr(head(envelope)->second, 16);
}

std::string big_endian(std::int64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 255);
  return text;
}

std::string with_head(const std::string& envelope, std::int64_t jobs, const std::string& id) {
  const std::size_t behind = head(envelope)->second + 16;
  return envelope.substr(0, 3) + "\xcd" + big_endian(jobs, 2) + "\xc4\x10" + id +
         envelope.substr(behind);
}

std::string name_of(std::size_t digit, const std::string& envelope) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name = std::to_string(digit) + ":";
  for (const char c : first_id(envelope)) {
    const auto byte = static_cast<unsigned char>(c);
    name += {digits[byte >> 4], digits[byte & 15]};
  }
  return name;
}

std::string field_of(std::size_t digit, const EntryId& id) {
  return std::to_string(digit) + ":" + text_of(id);
}

std::string bundle(const Words& envelopes, std::int64_t jobs) {
  if (envelopes.size() == 1) return envelopes[0];
  std::string body = "\xdd" + big_endian(static_cast<std::int64_t>(envelopes.size()), 4);
  for (const std::string& part : envelopes) {
    body += "\xc6" + big_endian(static_cast<std::int64_t>(part.size()), 4) + part;
  }
  return "\x95\x01\x04\xcd" + big_endian(jobs, 2) + "\xc4\x10" + first_id(envelopes[0]) + "\xc6" +
         big_endian(static_cast<std::int64_t>(body.size()), 4) + body;
}

bool Twin::park(Timetable& names, std::int64_t at, const std::string& name,
                const std::string& envelope) {
  if (!parked.emplace(name, envelope).second) return false;
  names.at[name] = at;
  return true;
}

Answer Twin::call(const std::string& function, std::size_t digit, const Words& args,
                  std::int64_t now) {
  if (function == "enqueue") return enqueue(args, now);
  if (function == "open") return open(digit, args, now);
  if (function == "register") return enroll(args, now);
  if (function == "renew") return renew(args, now);
  if (function == "leave") return leave(args);
  if (function == "reclaim") return reclaim(args, now);
  if (function == "start") return start(args);
  if (function == "fetch") return fetch(digit, args);
  if (function == "finish") return finish(digit, args);
  if (function == "done") return done(digit, args);
  if (function == "settle") return settle(digit, args, now);
  if (function == "bury") return bury(digit, args, now);
  if (function == "put_off") return put_off(digit, args);
  if (function == "release") return release(digit, args, now);
  if (function == "beat") return beat(args, now);
  if (function == "look") return look(args, now);
  if (function == "claim") return claim(digit, args);
  if (function == "set_aside") return set_aside(digit, args);
  if (function == "hint") return hint(args);
  if (function == "part") return part(digit, args, now);
  if (function == "dead_split") return dead_split(args);
  if (function == "promote") return promote(args, now);
  if (function == "due_move") return due_move(digit, args, now);
  if (function == "expire_producers") return expire_producers(args, now);
  if (function == "dead_retry") return dead_retry(args, now);
  if (function == "dead_drop") return dead_drop(args);
  if (function == "counts") return counts(now);
  if (function == "count_range") return count_range(digit, args);
  if (function == "count_parked") return count_parked(digit == 0 ? due : dead, args);
  if (function == "pause") return pause(args);
  if (function == "purge") return purge(args);
  if (function == "books") return books(args, now);
  if (function == "weigh") return weigh_slice(digit, args);
  if (function == "weigh_parked") return weigh_parked(digit == 0 ? due : dead, args);
  if (function == "remove") return remove(args);
  if (function == "forget") return forget(args, now);
  if (function == "dead_open") return dead_open(digit, args, now);
  if (function == "alien") {  // bytes that no producer stored
    streams[digit].add(now, args[0]);
    return "OK";
  }
  if (function == "stray") {  // bytes that no function parked, and a due time
    parked[args[1]] = args[2];
    if (!args[0].empty()) due.at[args[1]] = *whole(args[0]);
    return "OK";
  }
  std::abort();  // the generator and this list belong together
}

Words Twin::snapshot() const {
  Words lines;
  const auto line = [&](std::string text) { lines.push_back(std::move(text)); };
  const std::pair<const char*, std::int64_t> numbers[] = {
      {"accepted", counters.accepted}, {"done", counters.done},
      {"expired", counters.expired},   {"cancelled", counters.cancelled},
      {"delayed", counters.delayed},   {"dead", counters.dead},
      {"bytes", counters.bytes}};
  if (paused) line("control paused 1");
  if (has_hints) line("state hints " + hints);
  for (const auto& [name, number] : numbers) {
    if (number != 0) line(std::string("state ") + name + " " + std::to_string(number));
  }
  for (const auto& [name, p] : producers) {
    line("producer " + name + " " + std::to_string(p.last) + ":" + std::to_string(p.seen));
  }
  for (const auto& [name, seen] : workers) line("worker " + name + " " + std::to_string(seen));
  for (const auto& [field, marks] : progress) line("progress " + field + " " + marks);
  for (const auto& [name, time] : due.at) line("due " + name + " " + std::to_string(time));
  for (const auto& [name, time] : dead.at) line("dead " + name + " " + std::to_string(time));
  for (const auto& [name, bytes] : parked) line("parked " + name + " " + bytes);
  for (std::size_t digit = 0; digit < streams.size(); ++digit) {
    const Stream& stream = streams[digit];
    const std::string of = "stream " + std::to_string(digit) + " ";
    if (!stream.exists) continue;
    line(of + "last " + text_of(stream.last));
    if (stream.has_group) line(of + "delivered " + text_of(stream.delivered));
    for (const auto& [id, entry] : stream.entries) {
      line(of + "entry " + text_of(id) + " " + entry.envelope +
           (entry.marks.empty() ? "" : " m " + entry.marks));
    }
    for (const auto& [id, held] : stream.pending) {
      line(of + "pending " + text_of(id) + " " + held.worker + " " +
           std::to_string(held.deliveries));
    }
    for (const std::string& name : stream.consumers) line(of + "consumer " + name);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace ferry::model
