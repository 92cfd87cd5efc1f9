#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ferry/job.hpp"
#include "redis/reply.hpp"

namespace ferry::detail {

/// Envelopes of one stream that are pending under a name that does not live.
struct Holder {
  Priority priority = Priority::normal;
  std::string name;
  std::size_t entries = 0;
};

/// Reads {digit, holder, entries, …}.
std::vector<Holder> holders_in(const redis::Reply& reply);

/// What a queue's operators and its keeper tell a worker, in answer to its heartbeat.
///
/// Source: ferry_v1_beat in core/src/functions/beat.lua.
struct Control {
  bool answered = false;  ///< this time; else the rest says nothing
  bool paused = false;
  bool keeper = false;              ///< this worker promotes and looks for silent workers
  std::uint64_t server_ms = 0;      ///< Redis's clock
  std::size_t workers_alive = 0;    ///< at the keeper's last look; 0 = not known
  std::vector<Holder> claimable{};  ///< likewise
};

}  // namespace ferry::detail
