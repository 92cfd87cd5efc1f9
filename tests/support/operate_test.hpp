#pragma once

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/functions_test.hpp"

namespace ferry::test {

/// Calls the functions of operators: books.lua, remove.lua and dead_large.lua.
class OperateTest : public FunctionsTest {
 protected:
  redis::ReplyPtr books_reply(std::string_view most_bytes = "1000000") {
    auto all =
        with_streams({keys.state, keys.workers, keys.progress, keys.due, keys.parked, keys.dead});
    all.insert(all.end(), {keys.control, keys.producers});
    return fcall_reply("books", all, {std::string(most_bytes)});
  }

  std::string wrong_keys() { return show(books_reply()->root()[18]); }

  std::string weigh(std::string_view from, std::string_view to, int most, int bytes,
                    std::string_view lists = "0") {
    return fcall("weigh", {keys.progress, keys.ready[1]},
                 {std::string(from), std::string(to), std::to_string(most), std::to_string(bytes),
                  std::string(lists)});
  }

  std::string weigh_parked(const std::string& set, int rank, int most, int bytes,
                           std::string_view lists = "0") {
    return fcall(
        "weigh_parked", {set, keys.parked},
        {std::to_string(rank), std::to_string(most), std::to_string(bytes), std::string(lists)});
  }

  std::string remove(const std::vector<std::string>& arguments) {
    return fcall("remove",
                 with_streams({keys.state, keys.due, keys.dead, keys.parked, keys.progress}),
                 arguments);
  }

  std::string forget(int silent_ms = 0) {
    return fcall("forget",
                 with_streams({keys.state, keys.due, keys.dead, keys.parked, keys.progress,
                               keys.control, keys.workers, keys.producers}),
                 {std::to_string(silent_ms)});
  }

  /// Lets one job die; returns its envelope among the dead letters.
  std::string let_one_die(Priority priority = Priority::normal) {
    const Leased leased = lease_one("w", 1, priority);
    const std::string letter = one_of(leased.bytes, 0);
    EXPECT_EQ(settle("w", leased, {}, {}, {{0, "f", 0, letter}}), "[OK, 1, 1]");
    return letter;
  }

  /// The transaction of a large letter. Returns: the replies to its commands.
  std::string transact(const std::string& letter, const std::string& envelope,
                       Priority priority = Priority::normal, std::string_view told_bytes = {}) {
    return transact_as(*connection, letter, envelope, priority, told_bytes);
  }

  std::string transact_as(redis::Connection& by, const std::string& letter,
                          const std::string& envelope, Priority priority = Priority::normal,
                          std::string_view told_bytes = {}) {
    const std::string& stream = keys.ready[static_cast<std::size_t>(priority)];
    const std::string gate = keys.gate_of("test");
    const std::string size =
        told_bytes.empty() ? std::to_string(letter.size()) : std::string(told_bytes);
    by.connect();
    by.append({"MULTI"});
    by.append({"FCALL", "ferry_v1_dead_open", "5", keys.state, keys.dead, keys.parked, gate, stream,
               name_of(letter, priority), size, std::to_string(jobs_in(envelope)),
               std::to_string(envelope.size())});
    by.append({"XADD", gate, "NOMKSTREAM", "*", "e", envelope});
    by.append({"RENAMENX", gate, stream});
    by.append({"FCALL", "ferry_v1_dead_close", "4", keys.state, keys.dead, keys.parked, stream});
    by.append({"EXEC"});
    for (int queued = 0; queued < 5; ++queued) by.read();
    return show(by.read()->root());
  }

  /// Every key of the queue with all that it holds, but for what a look changes.
  std::map<std::string, std::string> snapshot() {
    std::map<std::string, std::string> all;
    const auto names = connection->call({"KEYS", keys.base + "*"});
    for (const redis::Reply& name : names->root()) {
      all[std::string(name.text)] = show(connection->command({"DUMP", name.text})->root());
    }
    return all;
  }

  std::vector<std::string> all_keys() const {
    return with_streams({keys.state, keys.control, keys.producers, keys.workers, keys.progress,
                         keys.due, keys.parked, keys.dead});
  }
};

constexpr const char* last_id = "18446744073709551615-18446744073709551615";

}  // namespace ferry::test
