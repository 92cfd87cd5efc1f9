#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client_options.hpp"
#include "ferry/job.hpp"
#include "redis/reply.hpp"

namespace ferry::flow {

/// Reads every entry that is added to the streams of some queues, as a consumer of no group does,
/// and notes in which a job appears. More than one: it was given back.
///
/// What is added and removed again between two reads is missed; `missed` says how much, since a
/// stream counts what was ever added.
/// Threads: one thread at a time; it reads in one of its own.
class EntryTap {
 public:
  /// One stream entry: when it was added, and the jobs that it carries and that are not settled.
  struct Entry {
    std::string stream;
    std::string id;
    std::vector<JobId> jobs;

    std::int64_t added_ms() const { return std::stoll(id); }
  };

  EntryTap(const RedisOptions& redis, const std::vector<std::string>& queues);
  ~EntryTap();
  EntryTap(const EntryTap&) = delete;
  EntryTap& operator=(const EntryTap&) = delete;

  /// Reads what is still there, and no more.
  void stop();

  /// Returns: how many entries have been read so far.
  std::size_t read() const { return read_; }

  /// Both are valid after `stop`.
  const std::vector<Entry>& entries() const { return entries_; }
  std::int64_t missed() const { return missed_; }

 private:
  struct Stream {
    std::string key;
    std::string last = "0-0";
    std::int64_t seen = 0;
  };

  void loop();
  void take(const redis::Reply& streams);

  RedisOptions redis_;
  std::vector<Stream> streams_;
  std::vector<Entry> entries_;
  std::int64_t missed_ = 0;
  std::atomic<std::size_t> read_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace ferry::flow
