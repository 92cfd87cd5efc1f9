// remove.lua and dead_large.lua.

#include <map>
#include <set>

#include "support/operate_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using RemoveFunctionTest = OperateTest;

TEST_F(RemoveFunctionTest, RemovesWhatWasSeenAndIsThereStill) {
  const Leased leased = lease_one("w", 1);
  const std::string waiting = envelope(2), delayed = envelope(3);
  enqueue({{waiting}, {delayed, Priority::low, 60'000}});
  const std::string letter = let_one_die(Priority::high);
  const std::string entry = std::string(
      connection->call({"XREVRANGE", keys.ready[1], "+", "-", "COUNT", "1"})->root()[0][0].text);
  const auto bytes = [](const std::string& envelope) { return std::to_string(envelope.size()); };
  const std::vector<std::string> all{"1",    entry,
                                     "2",    bytes(waiting),
                                     "1",    leased.entry_id,
                                     "1",    bytes(leased.bytes),
                                     "due",  name_of(delayed, Priority::low),
                                     "3",    bytes(delayed),
                                     "dead", name_of(letter, Priority::high),
                                     "1",    bytes(letter)};
  std::vector<std::string> changed = all;
  changed[11] = "1";
  changed[15] = "1";
  changed[1] = "5-5";
  EXPECT_EQ(remove(changed), "[0, 0]") << "gone, leased, other bytes by now";
  EXPECT_EQ(remove(all), "[6, 3]");
  EXPECT_EQ(remove(all), "[0, 0]");
  EXPECT_EQ(remove({}), "[0, 0]");
  const Books b = books();
  EXPECT_EQ(b.cancelled, 6);
  EXPECT_EQ(b.dead + b.delayed, 0);
  EXPECT_EQ(done("w", {leased}), "[OK, 1]");
}

TEST_F(RemoveFunctionTest, RemovesTheMarksOfAReleasedEnvelopeToo) {
  const Leased leased = lease_one("w", 3);
  settle("w", leased, {1});
  release("w", {leased});
  const auto found = connection->call({"XRANGE", keys.ready[1], "-", "+"});
  EXPECT_EQ(remove({"1", std::string(found->root()[0][0].text), "2",
                    std::to_string(leased.bytes.size())}),
            "[2, 1]");
  EXPECT_EQ(command({"EXISTS", keys.progress}), "0");
}

TEST_F(RemoveFunctionTest, ComparesEntryIdsOfAnyLength) {
  command({"XGROUP", "CREATE", keys.ready[1], group_name, "9007199254740993-2", "MKSTREAM"});
  for (const std::string id :
       {"9007199254740993-1", "9007199254740993-2", "9-9", "1-18446744073"}) {
    command({"XADD", keys.ready[1], "99-*", "e", "x"});
    EXPECT_EQ(remove({"1", id, "0", "0"}), "[0, 0]") << id;
  }
  for (const std::string id : {"9007199254740993-3", "9007199254740994-0", "10000000000000000-0"}) {
    command({"XADD", keys.ready[1], id, "e", "x"});
    EXPECT_EQ(remove({"1", id, "0", "0"}), "[0, 1]") << id;
  }
  command({"DEL", keys.ready[1]});
}

TEST_F(RemoveFunctionTest, RefusesAWrongRemovalBeforeItChangesAnything) {
  const std::string letter = let_one_die();
  const std::vector<std::string> good{"dead", name_of(letter), "1", std::to_string(letter.size())};
  const auto before = snapshot();
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"dead"},
                                             {"3", "1-1", "1", "1"},
                                             {"parked", "x", "1", "1"},
                                             {"1", "x", "1", "1"},
                                             {"dead", "x", "1001", "1"},
                                             {"dead", "x", "-1", "1"},
                                             {"dead", "x", "1", "1.5"},
                                             {"dead", "x", "nan", "1"},
                                             {"dead", "x", "1", "1e300"}}) {
    std::vector<std::string> arguments = good;
    arguments.insert(arguments.end(), bad.begin(), bad.end());
    EXPECT_THAT(remove(arguments), StartsWith("error FERRYBAD")) << testing::PrintToString(bad);
  }
  std::vector<std::string> many;
  for (int i = 0; i < 500; ++i)
    many.insert(many.end(), {"dead", "x" + std::to_string(i), "1", "1"});
  EXPECT_EQ(remove(many), "[0, 0]");
  many.insert(many.end(), {"dead", "x", "1", "1"});
  EXPECT_THAT(remove(many), StartsWith("error FERRYBAD"));
  EXPECT_EQ(snapshot(), before);
}

// Each function with each key that it needs and that holds something else.
TEST_F(RemoveFunctionTest, ChangesNothingWhereAKeyHoldsSomethingElse) {
  const std::string letter = let_one_die();
  enqueue({{envelope(2)}});
  const std::string entry = std::string(
      connection->call({"XRANGE", keys.ready[1], "-", "+", "COUNT", "1"})->root()[0][0].text);
  // Where other keys are wrong, there is no reason not to do what was asked for.
  const std::set<std::string> of_remove{keys.state, keys.parked, keys.dead, keys.progress,
                                        keys.ready[1]};
  const std::set<std::string> of_retry{keys.state, keys.parked, keys.dead, keys.ready[1]};
  for (const std::string& key : all_keys()) {
    const std::string kept = key + ".kept";
    const bool was_there = command({"EXISTS", key}) == "1";
    if (was_there) command({"RENAME", key, kept});
    command({"SET", key, "something else"});
    const auto before = snapshot();
    if (of_remove.contains(key)) {
      EXPECT_THAT(remove({"dead", name_of(letter), "1", std::to_string(letter.size()), "1", entry,
                          "2", "1"}),
                  StartsWith("error "))
          << key;
    }
    if (of_retry.contains(key)) {
      EXPECT_THAT(transact(letter, letter), StartsWith("[error ")) << key;
    }
    EXPECT_THAT(forget(), testing::AnyOf(StartsWith("error "), StartsWith("[USED, "))) << key;
    EXPECT_EQ(snapshot(), before) << key;
    command({"DEL", key});
    if (was_there) command({"RENAME", kept, key});
  }
}

TEST_F(RemoveFunctionTest, ChangesNothingWhereACounterIsNone) {
  const std::string letter = let_one_die();
  for (const char* field : {"dead", "bytes", "cancelled", "delayed"}) {
    for (const char* value : {"abc", "1.5", "9223372036854775807", "1e3"}) {
      command({"HSET", keys.state, field, value});
      const auto before = snapshot();
      EXPECT_THAT(remove({"dead", name_of(letter), "1", std::to_string(letter.size())}),
                  StartsWith("error FERRYBROKEN"))
          << field << value;
      if (std::string_view(field) == "dead" || std::string_view(field) == "bytes") {
        EXPECT_THAT(transact(letter, letter), StartsWith("[error FERRYBROKEN")) << field << value;
      }
      EXPECT_EQ(snapshot(), before) << field << value;
    }
    command({"HDEL", keys.state, field});
  }
  command({"HSET", keys.state, "dead", "1"});
}

TEST_F(RemoveFunctionTest, PutsALargeLetterBackWithoutReadingIt) {
  const std::string letter = let_one_die(Priority::low);
  EXPECT_THAT(transact(letter, letter, Priority::low),
              AllOf(StartsWith("[OK, "), HasSubstr(", 1]")));
  EXPECT_EQ(books().dead, 0);
  EXPECT_EQ(books().ready, 1);
  EXPECT_EQ(fetch("w", 10, Priority::low).at(0).bytes, letter);
}

TEST_F(RemoveFunctionTest, KeepsTheGateShutForALetterThatIsGoneOrHasChanged) {
  const std::string letter = let_one_die();
  const auto before = snapshot();
  EXPECT_EQ(transact(letter, letter, Priority::normal, "7"),
            "[GONE, nil, error ERR no such key, 0]");
  EXPECT_EQ(transact(envelope(1), letter), "[GONE, nil, error ERR no such key, 0]");
  EXPECT_EQ(snapshot(), before);
  command({"XADD", keys.gate_of("test"), "*", "e", "left over"});
  EXPECT_THAT(transact(letter, letter), StartsWith("[error FERRYBAD the key "));
  command({"DEL", keys.gate_of("test")});
  EXPECT_EQ(books().dead, 1);
}

TEST_F(RemoveFunctionTest, PutsALetterBackToAStreamThatIsNotThere) {
  const std::string letter = let_one_die();
  command({"DEL", keys.ready[1]});
  EXPECT_THAT(transact(letter, letter), StartsWith("[OK, "));
  EXPECT_EQ(fetch("w").at(0).bytes, letter) << "the group is there";
}

TEST_F(RemoveFunctionTest, TakesLettersOfAsManyJobsAsAnEnvelopeMayHave) {
  for (const bool retry : {true, false}) {
    const std::string letter = envelope(1000);
    command({"HSET", keys.parked, name_of(letter), letter});
    command({"ZADD", keys.dead, "1", name_of(letter)});
    command({"HINCRBY", keys.state, "dead", "1000"});
    command({"HINCRBY", keys.state, "accepted", "1000"});
    if (retry) {
      EXPECT_THAT(transact(letter, letter), AllOf(StartsWith("[OK, "), HasSubstr(", 1000]")));
    } else {
      EXPECT_EQ(remove({"dead", name_of(letter), "1000", std::to_string(letter.size())}),
                "[1000, 1]");
    }
  }
}

// What one transaction opened is forgotten by the next call, however the commands come.
TEST_F(RemoveFunctionTest, ClosesOnlyWhatWasOpenedInTheSameTransaction) {
  const std::string letter = let_one_die();
  const std::string other = let_one_die();
  const auto close = [&] {
    return command(
        {"FCALL", "ferry_v1_dead_close", "4", keys.state, keys.dead, keys.parked, keys.ready[1]});
  };
  EXPECT_EQ(close(), "0");
  ASSERT_THAT(transact(letter, letter), StartsWith("[OK, "));
  EXPECT_EQ(close(), "0") << "a second time";
  EXPECT_EQ(books().dead, 1);
  // One that was opened and never closed, and then another one that stays shut.
  const std::string gate = keys.gate_of("test");
  const std::string size = std::to_string(other.size());
  command({"FCALL", "ferry_v1_dead_open", "5", keys.state, keys.dead, keys.parked, gate,
           keys.ready[1], name_of(other), size, "1", size});
  command({"XADD", gate, "*", "e", "stray"});
  command({"RENAMENX", gate, keys.ready[1]});
  EXPECT_THAT(transact(letter, letter), StartsWith("[GONE, nil, error"));
  EXPECT_EQ(books().dead, 1);
  EXPECT_EQ(command({"HEXISTS", keys.parked, name_of(other)}), "1");
  const auto stray = connection->call({"XREVRANGE", keys.ready[1], "+", "-", "COUNT", "1"});
  command({"XDEL", keys.ready[1], stray->root()[0][0].text});
}

// A stream at its last id takes nothing any more: the letter must not be lost for that.
TEST_F(RemoveFunctionTest, KeepsALetterWhoseStreamTakesNothing) {
  const std::string letter = let_one_die();
  command({"XADD", keys.ready[1], last_id, "e", "x"});
  command({"XDEL", keys.ready[1], last_id});
  const auto before = snapshot();
  EXPECT_THAT(transact(letter, letter),
              AllOf(StartsWith("[OK, error ERR The stream has exhausted"), HasSubstr(", 0]")));
  EXPECT_EQ(snapshot(), before);
}

TEST_F(RemoveFunctionTest, ForgetsAnEmptyQueueAndOnlyThat) {
  const Leased leased = lease_one("w", 1);
  EXPECT_THAT(forget(60'000), "[USED, 1, 0, 0, 0, 1]");
  done("w", {leased});
  EXPECT_EQ(forget(60'000), "[USED, 0, 0, 0, 0, 1]") << "the worker lives";
  fcall("pause", {keys.control}, {"1"});
  const std::string letter = let_one_die();
  enqueue({{envelope(), Priority::normal, 60'000}});
  fcall("leave", with_streams({keys.control, keys.workers}), {"w"});
  EXPECT_EQ(forget(), "[USED, 0, 1, 1, 2, 0]");
  fcall("purge", with_streams({keys.state, keys.due, keys.parked, keys.progress}), {"500"});
  fcall("dead_drop", {keys.state, keys.dead, keys.parked}, {name_of(letter)});
  command({"HSET", keys.parked, "orphan", "x"});
  EXPECT_EQ(forget(), "[USED, 0, 0, 0, 1, 0]");
  command({"HDEL", keys.parked, "orphan"});
  EXPECT_THAT(forget(), "[OK, 5, 1]") << "state, control and three streams; the producer is known";
  EXPECT_EQ(show(connection->call({"KEYS", keys.base + "*"})->root()), "[" + keys.producers + "]");
  command({"DEL", keys.producers});
  EXPECT_EQ(forget(), "[OK, 0, 0]");
}

TEST_F(RemoveFunctionTest, AProducerGoesOnWhereItsQueueWasForgotten) {
  const Leased leased = lease_one("w", 1);
  done("w", {leased});
  fcall("leave", with_streams({keys.control, keys.workers}), {"w"});
  ASSERT_THAT(forget(), StartsWith("[OK, "));
  enqueue({{envelope(2)}});  // the next sequence, and no GAP
  EXPECT_EQ(books().accepted, 2);
}

TEST_F(RemoveFunctionTest, CountsAWorkerAsLivingByItsHeartbeat) {
  register_worker("w");
  const std::string beat = std::string(connection->call({"HGET", keys.workers, "w"})->root().text);
  command({"HSET", keys.workers, "w", "1000"});
  command({"HSET", keys.workers, "nonsense", "x"});
  EXPECT_THAT(forget(60'000), StartsWith("[OK, "));
  command({"HSET", keys.workers, "from the future", "99999999999999"});
  EXPECT_EQ(forget(60'000), "[USED, 0, 0, 0, 0, 1]");
  command({"DEL", keys.workers});
}

TEST_F(RemoveFunctionTest, WorksOnAFullRedis) {
  const std::string letter = let_one_die();
  command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(books_reply()->root()[5].integer, 1);
  EXPECT_THAT(weigh("-", "+", 1, 1), StartsWith("[0, "));
  EXPECT_THAT(weigh_parked(keys.dead, 0, 1, 1000), StartsWith("[1, "));
  EXPECT_EQ(remove({"dead", name_of(letter), "1", std::to_string(letter.size())}), "[1, 1]");
  fcall("leave", with_streams({keys.control, keys.workers}), {"w"});
  EXPECT_THAT(forget(), StartsWith("[OK, "));
  command({"CONFIG", "SET", "maxmemory", "0"});
}

// Each right that a function needs, withdrawn from an operator: nothing is changed.
TEST_F(RemoveFunctionTest, ChangesNothingWhereTheCallerLacksARight) {
  const std::string letter = let_one_die();
  enqueue({{envelope(2)}, {envelope(3), Priority::normal, 60'000}});
  const std::string entry = std::string(
      connection->call({"XRANGE", keys.ready[1], "-", "+", "COUNT", "1"})->root()[0][0].text);
  const std::string size = std::to_string(letter.size());
  const auto call = [&](redis::Connection& by, const std::string& function) {
    if (function == "dead_open") return transact_as(by, letter, letter);
    auto words = std::vector<std::string>{"FCALL", "ferry_v1_" + function};
    if (function == "remove") {
      const auto all = with_streams({keys.state, keys.due, keys.dead, keys.parked, keys.progress});
      words.push_back("8");
      words.insert(words.end(), all.begin(), all.end());
      words.insert(words.end(), {"dead", name_of(letter), "1", size, "1", entry, "2", "9"});
    } else {
      const auto all = with_streams({keys.state, keys.due, keys.dead, keys.parked, keys.progress,
                                     keys.control, keys.workers, keys.producers});
      words.push_back("11");
      words.insert(words.end(), all.begin(), all.end());
      words.push_back("0");
    }
    return show(by.command(std::vector<std::string_view>(words.begin(), words.end()))->root());
  };
  const auto before = snapshot();
  for (const auto& [function, commands] : std::map<std::string, std::vector<std::string>>{
           {"remove",
            {"hset", "hincrby", "zrem", "hdel", "xdel", "zscore", "hstrlen", "hmget", "xlen",
             "hlen", "zcard", "fcall"}},
           {"dead_open",
            {"hset", "hincrby", "zrem", "hdel", "xadd", "renamenx", "xlen", "zscore", "hstrlen",
             "hmget", "fcall", "exec"}},
           {"forget", {"hset", "unlink", "xlen", "zcard", "hlen", "fcall"}}}) {
    for (const std::string& withdrawn : commands) {
      connection->call({"ACL", "SETUSER", "someone", "reset", "on", "nopass", "+@all",
                        "~" + keys.base + "*", "-" + withdrawn});
      redis::Connection someone({.url = "unix://someone:any@" + server().socket_path()});
      EXPECT_THAT(call(someone, function),
                  testing::AnyOf(HasSubstr("error NOPERM"), HasSubstr("error EXECABORT"),
                                 HasSubstr("error ERR The user executing the script")))
          << function << " without " << withdrawn;
      EXPECT_EQ(snapshot(), before) << function << " without " << withdrawn;
    }
  }
  connection->call({"ACL", "DELUSER", "someone"});
}

}  // namespace
}  // namespace ferry::test
