// due.lua: delayed envelopes go to their streams when their time has come.
#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {
namespace {

constexpr std::int64_t slice_bytes = 1 << 20;
constexpr std::int64_t most_inflated = 1 << 20;
constexpr std::int64_t longest_delay = 31'622'400'000;

bool is_parked_name(const std::string& name) {
  return name.size() == 34 && name[0] >= '0' && name[0] <= '2' && name[1] == ':' &&
         name.find_first_not_of("0123456789abcdef", 2) == std::string::npos;
}

unsigned byte(const std::string& bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes.at(at));
}

/// Bytes of a number, the least first.
double little_endian(const std::string& bytes, std::size_t at, int size) {
  double number = 0;
  for (int i = size - 1; i >= 0; --i)
    number = number * 256 + byte(bytes, at + static_cast<std::size_t>(i));
  return number;
}

/// Returns: what a frame's header (RFC 8878, 3.1.1.1) says that it inflates to.
std::optional<double> frame_size(const std::string& frame) {
  if (!frame.starts_with("\x28\xb5\x2f\xfd") || frame.size() < 18) return std::nullopt;
  const unsigned descriptor = byte(frame, 4);
  const bool single_segment = (descriptor & 0x20) != 0;
  constexpr std::size_t dictionary_bytes[] = {0, 1, 2, 4};
  const std::size_t at = 5 + (single_segment ? 0 : 1) + dictionary_bytes[descriptor & 3];
  switch (descriptor >> 6) {
    case 0:
      return single_segment ? std::optional<double>(byte(frame, at)) : std::nullopt;
    case 1:
      return little_endian(frame, at, 2) + 256;
    case 2:
      return little_endian(frame, at, 4);
    default:
      return little_endian(frame, at, 8);
  }
}

/// Returns: the content of the bin at the end of an envelope of five elements, or nothing.
std::optional<std::string> body_of(const std::string& envelope) {
  // Behind the count in one, two or three bytes, the mark of a bin of 16, and the id.
  const unsigned count = byte(envelope, 3);
  const std::size_t at = (count == 0xcd ? 6u : count == 0xcc ? 5u : 4u) + 18;
  if (at >= envelope.size()) return std::nullopt;
  const unsigned kind = byte(envelope, at);
  if (kind < 0xc4 || kind > 0xc6) return std::nullopt;
  const std::size_t digits = std::size_t{1} << (kind - 0xc4);
  if (envelope.size() < at + 1 + digits) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 1; i <= digits; ++i) size = size * 256 + byte(envelope, at + i);
  if (at + 1 + digits + size != envelope.size()) return std::nullopt;
  return envelope.substr(at + 1 + digits);
}

/// Returns: what an envelope inflates to, if it may share a bundle.
std::optional<double> size_in_bundle(const std::string& envelope) {
  if (!jobs_in(envelope) || byte(envelope, 0) != 0x95) return std::nullopt;
  constexpr unsigned zstd = 1, own_ids = 2, sealed = 16;
  const unsigned flags = byte(envelope, 2);
  if ((flags & ~(zstd | own_ids | sealed)) != 0) return std::nullopt;
  const auto body = body_of(envelope);
  if (!body) return std::nullopt;
  if ((flags & zstd) == 0) return static_cast<double>(envelope.size());
  return frame_size(*body);
}

/// Envelopes that will be one bundle.
struct Open {
  Words list{};
  std::int64_t jobs = 0, bytes = 0;
  double inflated = 0;

  bool has_room(const std::string& envelope, double size, std::int64_t most_bytes,
                std::int64_t most_jobs) const {
    return list.empty() ||
           (jobs + *jobs_in(envelope) <= most_jobs && bytes + std::ssize(envelope) <= most_bytes &&
            inflated + size <= most_inflated);
  }
  void add(const std::string& envelope, double size) {
    list.push_back(envelope);
    jobs += *jobs_in(envelope);
    bytes += std::ssize(envelope);
    inflated += size;
  }
};

/// Returns: the smallest number of jobs that hints name, 1000 without any.
std::int64_t fewest_hinted(const std::string& hints) {
  std::int64_t fewest = 1000;
  for (std::size_t at = hints.find('='); at != std::string::npos; at = hints.find('=', at + 1)) {
    fewest = std::min<std::int64_t>(fewest, std::stoll(hints.substr(at + 1)));
  }
  return fewest;
}

}  // namespace

// Plain envelopes share bundles in the order in which they are due, sealed ones with their like;
// whatever else travels alone, and what is larger than `most_inside` waits.
Answer Twin::promote(const Words& args, std::int64_t now) {
  const auto most = whole(args[0]), most_bytes = whole(args[1]);
  const auto most_inside = args.size() > 2 ? whole(args[2]) : INT64_MAX;
  if (!most || *most < 1 || *most > 500 || !most_bytes || !most_inside) return bad();
  std::map<std::pair<std::size_t, bool>, Open> open;
  std::int64_t jobs = 0, envelopes = 0, read = 0;
  std::optional<std::string> large;
  const auto store = [&](std::size_t digit, const std::string& envelope,
                         std::int64_t parked_bytes) {
    streams[digit].add(now, envelope);
    counters.bytes += std::ssize(envelope) - parked_bytes;
    ++envelopes;
  };
  const auto close = [&](std::size_t digit, Open& o) {
    store(digit, bundle(o.list, o.jobs), o.bytes);
    o = {};
  };

  bool any = false;
  for (const std::string& name : due.first(static_cast<std::size_t>(*most), now)) {
    const auto found = parked.find(name);
    const std::string envelope = found == parked.end() ? "" : found->second;
    if (is_parked_name(name)) {
      if (std::ssize(envelope) > *most_inside) {
        if (!large) large = name;
        continue;
      }
      if (any && read + std::ssize(envelope) > slice_bytes) break;
      any = true;
      read += std::ssize(envelope);
    }
    due.at.erase(name);
    parked.erase(name);
    if (!is_parked_name(name) || found == parked.end()) continue;
    const auto digit = static_cast<std::size_t>(name[0] - '0');
    jobs += jobs_in(envelope).value_or(0);
    const auto size = size_in_bundle(envelope);
    if (!size || *size > most_inflated || std::ssize(envelope) > *most_bytes) {
      store(digit, envelope, std::ssize(envelope));
      continue;
    }
    Open& o = open[{digit, (byte(envelope, 2) & 16) != 0}];
    if (!o.has_room(envelope, *size, *most_bytes, fewest_hinted(hints))) close(digit, o);
    o.add(envelope, *size);
  }
  for (auto& [lane, o] : open) {
    if (!o.list.empty()) close(lane.first, o);
  }
  counters.delayed -= jobs;

  const Words next = due.first(1);
  Answer reply = Answer::list({std::max(jobs, envelopes)});
  reply.parts.emplace_back(
      next.empty() ? -1 : std::clamp<std::int64_t>(due.at[next[0]] - now, 0, longest_delay));
  if (large) {
    reply.parts.emplace_back(*large);
    reply.parts.emplace_back(std::ssize(parked.at(*large)));
  }
  return reply;
}

// Nothing is stored unless the very envelope that was read is parked still.
Answer Twin::due_move(std::size_t digit, const Words& args, std::int64_t now) {
  const std::string& name = args[0];
  const auto jobs = whole(args[3]);
  if (!is_parked_name(name) || !jobs || *jobs > 1000) return Answer::list({bad(), 0});
  const auto known = due.at.find(name);
  const auto bytes = parked.find(name);
  if (known == due.at.end() || bytes == parked.end() || whole(args[1]) != known->second ||
      whole(args[2]) != std::ssize(bytes->second)) {
    return Answer::list({"GONE", 0});
  }
  due.at.erase(known);
  parked.erase(bytes);
  counters.delayed -= *jobs;
  Stream& stream = streams[digit];
  // A stream is made with its group; one that a plain enqueue made stays without.
  if (!stream.exists) stream.exists = stream.has_group = true;
  stream.add(now, args[4]);
  return Answer::list({"OK", 1});
}

}  // namespace ferry::model
