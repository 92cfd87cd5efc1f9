#pragma once

#include <array>
#include <string>
#include <string_view>

#include "ferry/job.hpp"

namespace ferry {

/// Every key of one partition, built here and nowhere else. All share the hash tag
/// `{<queue>:<partition>}`, so they live in one cluster slot.
struct Keys {
  Keys(std::string_view prefix, std::string_view queue, int partition = 0)
      : base(std::string(prefix) + ":{" + std::string(queue) + ":" + std::to_string(partition) +
             "}:"),
        state(base + "state"),
        control(base + "control"),
        producers(base + "producers"),
        workers(base + "workers"),
        progress(base + "progress"),
        due(base + "due"),
        parked(base + "parked"),
        dead(base + "dead"),
        ready{base + "ready:0", base + "ready:1", base + "ready:2"} {}

  std::string base;
  std::string state;      ///< hash: exact counters
  std::string control;    ///< hash: what operators ask for: the pause flag
  std::string producers;  ///< hash: producer -> last sequence ":" when, ms
  std::string workers;    ///< hash: worker -> last heartbeat, ms
  std::string progress;   ///< hash: "<priority digit>:<entry id>" -> one character for each job
  std::string due;        ///< sorted set: delayed envelopes by due time, ms
  std::string parked;     ///< hash: bytes of what is in `due` and `dead`
  std::string dead;       ///< sorted set: dead letters by time of death, ms
  std::array<std::string, priority_count> ready;  ///< streams, the most urgent first

  /// A stream's name inside a transaction of a producer or a worker; at all other times there is no
  /// such key.
  std::string gate_of(std::string_view producer) const { return (base + "gate:").append(producer); }
};

/// The names of all queues ever used under a prefix: a set, outside any partition's slot.
inline std::string queues_key(std::string_view prefix) { return std::string(prefix) + ":queues"; }

/// The consumer group of every stream.
inline constexpr std::string_view group_name = "ferry";
// Who holds envelopes that wait for a worker which can take them; no worker's name begins so.
inline constexpr std::string_view newer_holder = "~newer";  ///< one of a newer version
inline constexpr std::string_view free_holder = "~free";    ///< any
inline constexpr std::string_view kind_holder = "~kind:";   ///< with the kind behind it
/// The first field of every stream entry.
inline constexpr std::string_view envelope_field = "e";
/// Of an entry that was given back: what is settled of it, one character for each job.
inline constexpr std::string_view progress_field = "m";

}  // namespace ferry
