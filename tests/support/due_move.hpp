#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/redis_test.hpp"

namespace ferry::test {

/// The transaction that moves one delayed envelope whose bytes Lua does not see, as it is sent.
struct DueMove {
  Keys keys;
  std::string name;
  std::string due_time;
  std::string bytes;
  std::size_t jobs = 1;
  std::string told_bytes = std::to_string(bytes.size());
  std::string gate = keys.gate_of("w");
  std::string stream = keys.ready[1];
  /// Done by somebody between the commands that queue up and EXEC.
  std::function<void()> before_exec{};

  /// Returns: the replies in EXEC's, or what EXEC itself said.
  std::string send(redis::Connection& connection) const {
    connection.append({"MULTI"});
    connection.append({"FCALL", "ferry_v1_due_open", "5", keys.state, keys.due, keys.parked, gate,
                       stream, name, due_time, told_bytes, std::to_string(jobs)});
    connection.append({"XADD", gate, "NOMKSTREAM", "*", envelope_field, bytes});
    connection.append({"RENAMENX", gate, stream});
    connection.append(
        {"FCALL", "ferry_v1_due_close", "4", keys.state, keys.due, keys.parked, stream, name});
    for (int queued = 0; queued < 5; ++queued) connection.read();
    if (before_exec) before_exec();
    connection.append({"EXEC"});
    const redis::ReplyPtr replies = connection.read();
    if (replies->root().size != 4) return show(replies->root());
    const redis::Reply& root = replies->root();
    const bool stored = root[1].type == redis::Reply::Type::text;
    return show(root[0]) + ", " + (stored ? "stored" : show(root[1])) + ", " + show(root[2]) +
           ", " + show(root[3]);
  }
};

}  // namespace ferry::test
