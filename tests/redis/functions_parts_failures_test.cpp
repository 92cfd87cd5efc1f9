// An error of a function that moves, parts or takes over means that nothing was changed, whatever
// failed inside: every key of another type, every command taken from the user on every key, a
// stream that takes no more ids, a counter that is no number.

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "support/parts_fixture.hpp"
#include "support/set_clock.hpp"
#include "support/stored.hpp"

namespace ferry::test {
namespace {

class FailuresTest : public PartsTest {
 protected:
  struct Call {
    std::string function;
    std::vector<std::string> keys;
    std::vector<std::string> words;
  };
  struct Row {
    const char* name;
    std::function<Call()> prepare;
    std::set<std::string> commands;  ///< what it runs
  };

  void SetUp() override {
    PartsTest::SetUp();
    if (connection) load_with_clock(*connection);
  }
  void TearDown() override {
    if (connection) connection->call({"FLUSHALL"});  // keys of other types are no books
  }

  /// An empty server; the producer begins anew as well.
  void begin_anew() {
    connection->call({"FLUSHALL"});
    set_clock(*connection, 1'700'000'000'000);
  }

  void put(const std::vector<Parcel>& parcels) {
    const std::string reply = enqueue_at(1, parcels, {}, "producer" + std::to_string(++producers_));
    ASSERT_TRUE(reply.starts_with("[OK, ")) << reply;
  }

  /// A worker that holds an envelope of six jobs: one settled, one started as a suspect.
  Leased hold() {
    register_worker("w");
    put({{envelope(6)}});
    const Leased held = fetch("w", 1).at(0);
    settle("w", held, {5});
    start("w", held, {1});
    return held;
  }

  Call part_call(bool to_its_end) {
    const Leased held = hold();
    put({{several_of(held.bytes, {3}), Priority::normal, 60'000}});  // a letter needs another id
    std::vector<Part> parts{back(held, {0}), back(held, {1}), back(held, {2}, 500),
                            failed(held, {3})};
    if (to_its_end) parts.push_back(failed(held, {4}));
    return {"part", part_keys(held), part_words("w", held, parts)};
  }

  Call split_call(bool under_its_name) {
    register_worker("w");
    const std::vector<std::string> parts{envelope(2), envelope(1)};
    const std::string letter =
        wire::wrap_opaque("bundle", 3, wire::decode_head(parts[0])->first_id, {"why", 1, 1});
    command({"HSET", keys.parked, name_of(letter), letter});
    command({"ZADD", keys.dead, "5", name_of(letter)});
    command({"HSET", keys.state, "dead", "3", "accepted", "3"});
    return {"dead_split",
            {keys.state, keys.dead, keys.parked},
            {name_of(letter), under_its_name ? parts[0] : envelope(2), parts[1]}};
  }

  Call promote_call() {
    register_worker("w");
    std::vector<Parcel> parcels;
    for (const Priority priority : {Priority::high, Priority::normal, Priority::low}) {
      for (int i = 0; i < 2; ++i) parcels.push_back({envelope(2), priority, 1});
    }
    put(parcels);
    command({"ZADD", keys.due, "1", "foreign"});
    command({"HSET", keys.parked, "foreign", "bytes"});
    set_clock(*connection, 1'700'000'001'000);
    return {"promote", with_streams({keys.state, keys.due, keys.parked}), {"500", "65536", "9999"}};
  }

  /// Two dead workers, one of them with an envelope that has progress, and a heartbeat from the
  /// future; the watch is two leases old.
  void let_die() {
    Leased held = hold();
    command({"HSET", keys.workers, "dead", "1699999990000", "ahead", "1800000000000"});
    command({"XCLAIM", keys.ready[1], group_name, "dead", "0", held.entry_id, "JUSTID"});
    for (int step = 0; step < 9; ++step) {
      set_clock(*connection, 1'700'000'000'000 + 250 * step);
      fcall("beat", {keys.control, keys.workers}, {"w", "1000", "0"});
    }
  }

  Call beat_call() {
    register_worker("w");
    set_clock(*connection, 1'700'000'000'500);
    return {"beat", {keys.control, keys.workers}, {"w", "1000", "1"}};
  }
  Call look_call() {
    let_die();
    return {"look", with_streams({keys.workers}), {"w", "1000"}};
  }
  Call claim_call() {
    let_die();
    command({"HDEL", keys.workers, "dead"});
    return {"claim",
            {keys.control, keys.workers, keys.progress, keys.ready[1]},
            {"w", "dead", "200", "0"}};
  }
  Call aside_call() {
    const Leased one = hold();
    put({{envelope(2)}});
    const Leased two = fetch("w", 1).at(0);
    return {"set_aside",
            {keys.workers, keys.ready[1]},
            {"w", "~kind:x", one.entry_id, "5", two.entry_id, "2"}};
  }

  std::vector<Row> rows() {
    return {{"part",
             [this] { return part_call(false); },
             {"hexists", "xpending", "hget", "xadd", "hset", "hsetnx", "zadd", "hincrby", "hdel",
              "zrem", "xdel", "xack"}},
            {"part to the end",
             [this] { return part_call(true); },
             {"hexists", "xpending", "hget", "xadd", "hset", "hsetnx", "zadd", "hincrby", "hdel",
              "zrem", "xdel", "xack"}},
            {"dead_split",
             [this] { return split_call(true); },
             {"hset", "zscore", "hget", "hsetnx", "zadd", "zrem", "hdel"}},
            {"dead_split under other names",
             [this] { return split_call(false); },
             {"hset", "zscore", "hget", "hsetnx", "zadd", "zrem", "hdel"}},
            {"promote",
             [this] { return promote_call(); },
             {"zrange", "zrangebyscore", "hmget", "xadd", "hincrby", "zrem", "hdel", "xdel"}},
            {"beat", [this] { return beat_call(); }, {"hget", "hset"}},
            {"look", [this] { return look_call(); }, {"hgetall", "hset", "hdel"}},
            {"claim",
             [this] { return claim_call(); },
             {"hget", "hexists", "xpending", "exists", "xclaim"}},
            {"set_aside", [this] { return aside_call(); }, {"hexists", "xpending", "xclaim"}}};
  }

  std::string send(redis::Connection& user, const Call& call) {
    const std::string function = "ferry_v1_" + call.function;
    const std::string count = std::to_string(call.keys.size());
    std::vector<std::string_view> words{"FCALL", function, count};
    words.insert(words.end(), call.keys.begin(), call.keys.end());
    words.insert(words.end(), call.words.begin(), call.words.end());
    return show(user.command(words)->root());
  }

  /// Returns: the reply, after a look that an error left everything as it was.
  std::string expect_all_or_nothing(redis::Connection& user, const Call& call,
                                    const std::string& what) {
    const std::vector<std::string> before = stored(*connection);
    const std::string reply = send(user, call);
    if (reply.starts_with("error")) {
      EXPECT_EQ(difference(before, stored(*connection)), "") << what << ": " << reply;
    }
    return reply;
  }

  int producers_ = 0;
};

TEST_F(FailuresTest, EachCallSucceedsWhenNothingIsWrong) {
  for (const Row& row : rows()) {
    begin_anew();
    const Call call = row.prepare();
    const std::vector<std::string> before = stored(*connection);
    const std::string reply = send(*connection, call);
    EXPECT_FALSE(reply.starts_with("error") || reply == "[STALE]" || reply == "[GONE]")
        << row.name << ": " << reply;
    EXPECT_NE(difference(before, stored(*connection)), "") << row.name;
  }
}

TEST_F(FailuresTest, AKeyOfAnotherType) {
  for (const Row& row : rows()) {
    begin_anew();
    const std::set<std::string> all_keys = [&] {
      const Call call = row.prepare();
      return std::set<std::string>(call.keys.begin(), call.keys.end());
    }();
    for (const std::string& key : all_keys) {
      for (const char* type : {"string", "list", "set", "hash", "zset", "stream"}) {
        begin_anew();
        const Call call = row.prepare();
        command({"DEL", key});
        const std::map<std::string, std::vector<std::string_view>> made{
            {"string", {"SET", key, "x"}},     {"list", {"RPUSH", key, "x"}},
            {"set", {"SADD", key, "x"}},       {"hash", {"HSET", key, "x", "x"}},
            {"zset", {"ZADD", key, "1", "x"}}, {"stream", {"XADD", key, "*", "x", "x"}}};
        connection->call(made.at(type));
        expect_all_or_nothing(*connection, call,
                              std::string(row.name) + ", " + key + " is a " + type);
      }
    }
  }
}

// A user may do everything but one command, on all keys or on one of them.
TEST_F(FailuresTest, ARightThatIsMissing) {
  for (const Row& row : rows()) {
    for (const std::string& denied : row.commands) {
      begin_anew();
      std::vector<std::string> keys_of_call = row.prepare().keys;
      keys_of_call.insert(keys_of_call.begin(), "");  // all
      bool refused_at_all = false;
      for (const std::string& key : keys_of_call) {
        begin_anew();
        const Call call = row.prepare();
        std::vector<std::string> words{"ACL",     "SETUSER", "limited", "reset",     "on",
                                       ">secret", "~*",      "+@all",   "-" + denied};
        std::string others;
        for (const std::string& other : keys_of_call) {
          if (!other.empty() && other != key) others += " ~" + other;
        }
        if (!key.empty() && !others.empty()) words.push_back("(+" + denied + others + ")");
        connection->call(std::vector<std::string_view>(words.begin(), words.end()));
        redis::Connection limited({.url = "unix://limited:secret@" + server().socket_path()});
        const std::string reply = expect_all_or_nothing(
            limited, call, std::string(row.name) + " without " + denied + " on " + key);
        refused_at_all = refused_at_all || reply.starts_with("error");
      }
      EXPECT_TRUE(refused_at_all) << row.name << " does not need " << denied;
    }
  }
}

TEST_F(FailuresTest, AStreamThatTakesNoMoreIds) {
  for (const Row& row : rows()) {
    for (const std::string& stream : keys.ready) {
      begin_anew();
      const Call call = row.prepare();
      if (std::find(call.keys.begin(), call.keys.end(), stream) == call.keys.end()) continue;
      command({"XADD", stream, "18446744073709551615-18446744073709551615", "e", "x"});
      const std::string reply = expect_all_or_nothing(*connection, call, row.name + (" " + stream));
      const bool stores = call.function == "part" || call.function == "promote";
      EXPECT_EQ(reply.starts_with("error ERR The stream has exhausted"), stores)
          << row.name << ": " << reply;
    }
  }
}

TEST_F(FailuresTest, ACounterThatIsNoNumberOrHasNoRoomLeft) {
  for (const Row& row : rows()) {
    for (const char* counter : {"delayed", "dead", "bytes"}) {
      for (const char* value :
           {"abc", "", "1.5", "1e3", "inf", "9223372036854775807", "-9223372036854775808"}) {
        begin_anew();
        const Call call = row.prepare();
        command({"HSET", keys.state, counter, value});
        expect_all_or_nothing(*connection, call,
                              std::string(row.name) + ", " + counter + " is " + value);
      }
    }
  }
}

TEST_F(FailuresTest, ProgressThatIsNone) {
  for (const char* marks : {"", "x", "......x", "abcdef"}) {
    begin_anew();
    const Call call = part_call(false);
    command({"HSET", keys.progress, "1:" + call.words[1], marks});
    expect_all_or_nothing(*connection, call, marks);
  }
}

}  // namespace
}  // namespace ferry::test
