#pragma once

#include <string>
#include <vector>

#include "support/functions_test.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {

/// Takes envelopes apart, as workers and operators do.
class PartsTest : public FunctionsTest {
 protected:
  struct Part {
    std::string verb;
    int delay_ms;
    std::vector<std::size_t> at;
    std::string bytes;
  };

  std::vector<std::string> part_keys(const Leased& leased) const { return settle_keys(leased); }

  static std::vector<std::string> part_words(const std::string& worker, const Leased& leased,
                                             const std::vector<Part>& parts) {
    std::vector<std::string> words{worker, leased.entry_id, std::to_string(jobs_in(leased.bytes)),
                                   std::to_string(leased.bytes.size())};
    for (const Part& one : parts) {
      words.insert(words.end(),
                   {one.verb, std::to_string(one.delay_ms), packed(one.at), one.bytes});
    }
    return words;
  }

  std::string part(const std::string& worker, const Leased& leased,
                   const std::vector<Part>& parts) {
    return fcall("part", part_keys(leased), part_words(worker, leased, parts));
  }

  /// Jobs of an envelope as one of their own, as a worker makes it: they carry their ids.
  static std::string several_of(const std::string& bytes, const std::vector<std::size_t>& at,
                                const std::optional<wire::Death>& death = std::nullopt) {
    wire::StoredEnvelope stored;
    EXPECT_EQ(wire::decode(bytes, stored), "");
    wire::EnvelopeWriter writer(stored.jobs.at(at.front()).id);
    for (const std::size_t index : at) writer.add_moved(stored.jobs.at(index), nullptr);
    return writer.finish(0, death);
  }

  Part back(const Leased& leased, const std::vector<std::size_t>& at, int delay_ms = 0) const {
    return {"r", delay_ms, at, several_of(leased.bytes, at)};
  }
  Part failed(const Leased& leased, const std::vector<std::size_t>& at) const {
    return {"f", 0, at, several_of(leased.bytes, at, wire::Death{"unreadable", 1, 1})};
  }

  std::string split(const std::string& name, const std::vector<std::string>& letters) {
    std::vector<std::string> words{name};
    words.insert(words.end(), letters.begin(), letters.end());
    return fcall("dead_split", {keys.state, keys.dead, keys.parked}, words);
  }

  /// The ids of the jobs in an envelope.
  static std::vector<std::string> ids_of(const std::string& bytes) {
    wire::StoredEnvelope stored;
    EXPECT_EQ(wire::decode(bytes, stored), "");
    std::vector<std::string> ids;
    for (const wire::StoredJob& job : stored.jobs) ids.push_back(job.id.to_string());
    return ids;
  }

  std::string marks_of(const std::string& entry_id) {
    return command({"HGET", keys.progress, "1:" + entry_id});
  }

  /// Notes that jobs of a leased envelope run as suspects.
  void start(const std::string& worker, const Leased& leased, const std::vector<std::size_t>& at) {
    std::vector<std::string> words{worker};
    for (const std::size_t index : at) {
      words.insert(words.end(), {"1:" + leased.entry_id, std::to_string(jobs_in(leased.bytes)),
                                 std::to_string(index)});
    }
    EXPECT_EQ(fcall("start", with_streams({keys.workers, keys.progress}), words), "OK");
  }
};

}  // namespace ferry::test
