#include "model/invariants.hpp"

#include <algorithm>

#include "model/small_envelope.hpp"

namespace ferry::model {

std::multimap<std::int64_t, Place> open_jobs(const Twin& twin) {
  std::multimap<std::int64_t, Place> open;
  for (std::size_t digit = 0; digit < twin.streams.size(); ++digit) {
    const Stream& stream = twin.streams[digit];
    for (const auto& [id, entry] : stream.entries) {
      const Place place = stream.pending.contains(id) ? Place::leased : Place::waiting;
      const auto marks = twin.progress.find(field_of(digit, id));
      std::size_t index = 0;
      for (const SmallJob& job : jobs_of(entry.envelope)) {
        const std::size_t at = index++;
        if (marks != twin.progress.end() && marks->second.at(at) == 'x') continue;
        open.emplace(job.number, place);
      }
    }
  }
  for (const auto& [name, bytes] : twin.parked) {
    const Place place = twin.dead.at.contains(name) ? Place::dead : Place::delayed;
    for (const SmallJob& job : jobs_of(bytes)) open.emplace(job.number, place);
  }
  return open;
}

namespace {

std::string streams_violation(const Twin& twin) {
  for (std::size_t digit = 0; digit < twin.streams.size(); ++digit) {
    const Stream& stream = twin.streams[digit];
    for (const auto& [id, pending] : stream.pending) {
      if (!stream.entries.contains(id)) return "what is leased is not stored: " + text_of(id);
      if (id > stream.delivered) return "what is leased was not delivered: " + text_of(id);
    }
    for (const auto& [id, entry] : stream.entries) {
      if (id <= stream.delivered && !stream.pending.contains(id)) {
        return "nobody will ever get the entry " + text_of(id);
      }
    }
  }
  return {};
}

std::string progress_violation(const Twin& twin) {
  for (const auto& [field, marks] : twin.progress) {
    const auto id = entry_id(field.substr(2));
    const auto& entries = twin.streams[static_cast<std::size_t>(field[0] - '0')].entries;
    const auto entry = entries.find(*id);
    if (entry == entries.end()) return "progress of an entry that is gone: " + field;
    if (static_cast<std::int64_t>(marks.size()) != jobs_in(entry->second.envelope)) {
      return "progress of another number of jobs: " + field + " " + marks;
    }
    if (marks.find_first_not_of('x') == std::string::npos) {
      return "an entry without open jobs stayed: " + field;
    }
  }
  return {};
}

std::int64_t stored_bytes(const Twin& twin) {
  std::size_t bytes = 0;
  for (const Stream& stream : twin.streams) {
    for (const auto& [id, entry] : stream.entries) bytes += entry.envelope.size();
  }
  for (const auto& [name, time] : twin.due.at) bytes += twin.parked.at(name).size();
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

std::string violation(const Twin& twin) {
  std::string text = streams_violation(twin);
  if (text.empty()) text = progress_violation(twin);
  if (!text.empty()) return text;
  for (const Timetable* names : {&twin.due, &twin.dead}) {
    for (const auto& [name, time] : names->at) {
      if (!twin.parked.contains(name)) return "a name without bytes: " + name;
    }
  }
  if (twin.parked.size() != twin.due.at.size() + twin.dead.at.size()) {
    return "bytes without a name are parked";
  }
  std::map<Place, std::int64_t> jobs;
  const auto open = open_jobs(twin);
  for (const auto& [number, place] : open) {
    if (open.count(number) > 1) return "job " + std::to_string(number) + " is in two places";
    ++jobs[place];
  }
  const Counters& c = twin.counters;
  const auto differs = [&](const char* what, std::int64_t booked, std::int64_t stored) {
    if (booked == stored || !text.empty()) return;
    text = std::string(what) + ": " + std::to_string(booked) + " in the books, " +
           std::to_string(stored) + " stored";
  };
  differs("ready", c.ready(), jobs[Place::waiting] + jobs[Place::leased]);
  differs("delayed", c.delayed, jobs[Place::delayed]);
  differs("dead", c.dead, jobs[Place::dead]);
  differs("bytes", c.bytes, stored_bytes(twin));
  for (const std::int64_t count : {c.accepted, c.done, c.expired, c.cancelled}) {
    if (count < 0) return "a counter fell below 0";
  }
  return text;
}

}  // namespace ferry::model
