// The transaction that moves a delayed envelope which is too large for Lua, and all that may go
// wrong in the middle of it.

#include <memory>

#include "support/due_move.hpp"
#include "support/functions_test.hpp"
#include "support/stored.hpp"

namespace ferry::test {
namespace {

class DueMoveTest : public FunctionsTest {
 protected:
  /// Parks an envelope that is due.
  std::string park(std::size_t jobs, Priority priority = Priority::normal) {
    const std::string bytes = envelope(jobs, std::string(1000, 'x'));
    enqueue({{bytes, priority, 1}});
    command({"ZADD", keys.due, "1000", name_of(bytes, priority)});
    return bytes;
  }

  DueMove move_of(const std::string& bytes, std::size_t jobs) const {
    return {keys, name_of(bytes), "1000", bytes, jobs};
  }

  redis::Connection& other() {
    if (!other_) other_ = std::make_unique<redis::Connection>(options());
    other_->connect();
    return *other_;
  }

  /// Nothing of it was done: the job is parked, no gate is there.
  void expect_nothing_moved(const std::vector<std::string>& before) {
    EXPECT_EQ(difference(before, stored(*connection)), "");
    expect_balanced();
  }

 private:
  std::unique_ptr<redis::Connection> other_;
};

TEST_F(DueMoveTest, MovesAnEnvelopeAsItIs) {
  const std::string bytes = park(3);
  EXPECT_EQ(move_of(bytes, 3).send(*connection), "OK, stored, 1, 1");
  EXPECT_EQ(books().delayed, 0);
  EXPECT_EQ(books().ready, 3);
  EXPECT_EQ(command({"EXISTS", keys.due, keys.parked, keys.gate_of("w")}), "0");
  register_worker("w");
  const std::vector<Leased> leased = fetch("w");
  ASSERT_EQ(leased.size(), 1u);
  EXPECT_EQ(leased[0].bytes, bytes);
  EXPECT_EQ(done("w", leased), "[OK, 1]");
}

TEST_F(DueMoveTest, MovesItBehindWhatIsThereAndLeavesLeasesAlone) {
  const Leased held = lease_one("w", 1);
  enqueue({{envelope()}});
  const std::string bytes = park(2);
  EXPECT_EQ(move_of(bytes, 2).send(*connection), "OK, stored, 1, 1");
  EXPECT_EQ(books().leased, 1);
  const std::vector<Leased> leased = fetch("w");
  ASSERT_EQ(leased.size(), 2u);
  EXPECT_EQ(leased[1].bytes, bytes);
  EXPECT_EQ(done("w", {held}), "[OK, 1]");
}

TEST_F(DueMoveTest, MovesTwoInOneTransaction) {
  const std::string first = park(1), second = park(2);
  connection->append({"MULTI"});
  for (const auto& [bytes, jobs] : {std::pair{first, "1"}, std::pair{second, "2"}}) {
    const std::string gate = keys.gate_of("w");
    connection->append({"FCALL", "ferry_v1_due_open", "5", keys.state, keys.due, keys.parked, gate,
                        keys.ready[1], name_of(bytes), "1000", std::to_string(bytes.size()), jobs});
    connection->append({"XADD", gate, "NOMKSTREAM", "*", "e", bytes});
    connection->append({"RENAMENX", gate, keys.ready[1]});
    connection->append({"FCALL", "ferry_v1_due_close", "4", keys.state, keys.due, keys.parked,
                        keys.ready[1], name_of(bytes)});
  }
  connection->append({"EXEC"});
  for (int queued = 0; queued < 9; ++queued) connection->read();
  EXPECT_EQ(connection->read()->root()[7].integer, 1);
  EXPECT_EQ(books().ready, 3);
  EXPECT_EQ(books().envelopes, 2);
}

TEST_F(DueMoveTest, DoesNothingASecondTime) {
  const std::string bytes = park(3);
  const DueMove move = move_of(bytes, 3);
  EXPECT_EQ(move.send(*connection), "OK, stored, 1, 1");
  const std::vector<std::string> after = stored(*connection);
  EXPECT_EQ(move.send(*connection), "GONE, nil, error ERR no such key, 0");
  EXPECT_EQ(difference(after, stored(*connection)), "");
  EXPECT_EQ(
      fcall("due_close", {keys.state, keys.due, keys.parked, keys.ready[1]}, {name_of(bytes)}),
      "0");
}

TEST_F(DueMoveTest, MovesNothingWhenSomethingElseIsParkedThereNow) {
  const std::string bytes = park(2);
  const std::vector<std::string> before = stored(*connection);
  DueMove move = move_of(bytes, 2);
  for (const char* time : {"999", "1001", "", "x", "nan", "inf", "1000.5"}) {
    move.due_time = time;
    EXPECT_EQ(move.send(*connection), "GONE, nil, error ERR no such key, 0") << time;
  }
  move.due_time = "1000";
  for (const char* size : {"0", "1", "", "x", "nan"}) {
    move.told_bytes = size;
    EXPECT_EQ(move.send(*connection), "GONE, nil, error ERR no such key, 0") << size;
  }
  move.told_bytes = std::to_string(bytes.size());
  move.name = "1:" + std::string(32, 'a');
  EXPECT_EQ(move.send(*connection), "GONE, nil, error ERR no such key, 0");
  expect_nothing_moved(before);
  // Its bytes are gone, or it is parked and not delayed.
  move.name = name_of(bytes);
  command({"HDEL", keys.parked, move.name});
  EXPECT_EQ(move.send(*connection), "GONE, nil, error ERR no such key, 0");
  command({"HSET", keys.parked, move.name, bytes});
  command({"ZREM", keys.due, move.name});
  EXPECT_EQ(move.send(*connection), "GONE, nil, error ERR no such key, 0");
  command({"ZADD", keys.due, "1e3", move.name});
  move.due_time = "1e3";
  EXPECT_EQ(move.send(*connection), "OK, stored, 1, 1") << "however the time is written";
}

TEST_F(DueMoveTest, RefusesWrongArgumentsBeforeItChangesAnything) {
  const std::string bytes = park(2);
  const std::vector<std::string> before = stored(*connection);
  DueMove move = move_of(bytes, 1001);
  EXPECT_TRUE(move.send(*connection).starts_with("error FERRYBAD jobs")) << "beyond an envelope";
  for (const char* name : {"", "zzz", "3:x"}) {
    move = move_of(bytes, 2);
    move.name = name;
    EXPECT_TRUE(move.send(*connection).starts_with("error FERRYBAD the name"));
  }
  for (const char* counter : {"abc", "1e3", "", "1.5", "007", "-0", "99999999999999999", "inf"}) {
    const std::string delayed = command({"HGET", keys.state, "delayed"});
    command({"HSET", keys.state, "delayed", counter});
    EXPECT_TRUE(move_of(bytes, 2).send(*connection).starts_with("error FERRYBAD delayed"))
        << counter;
    command({"HSET", keys.state, "delayed", delayed});
  }
  expect_nothing_moved(before);
  move = move_of(bytes, 2);
  EXPECT_EQ(move.send(*connection), "OK, stored, 1, 1");
}

TEST_F(DueMoveTest, TakesTheJobsAtTheirWordAndNoneWhereTheHeadCannotBeRead) {
  const std::string name = "1:" + std::string(32, 'a');
  command({"HSET", keys.parked, name, "hello"});
  command({"ZADD", keys.due, "1000", name});
  EXPECT_EQ((DueMove{keys, name, "1000", "hello", 0}.send(*connection)), "OK, stored, 1, 1");
  EXPECT_EQ(books().delayed, 0);
  register_worker("w");
  EXPECT_EQ(bury("w", fetch("w", 1).at(0), envelope()), "[OK, 1]");
}

TEST_F(DueMoveTest, LeavesTheJobParkedWhenItCannotBeStored) {
  const std::string bytes = park(2);
  command({"XADD", keys.ready[1], "18446744073709551615-18446744073709551615", "e", "x"});
  const std::vector<std::string> before = stored(*connection);
  const std::string said = move_of(bytes, 2).send(*connection);
  EXPECT_TRUE(said.starts_with("OK, error ERR The stream has exhausted")) << said;
  EXPECT_TRUE(said.ends_with(", 1, 0")) << said;
  EXPECT_EQ(difference(before, stored(*connection)), "");
  command({"DEL", keys.ready[1]});
}

TEST_F(DueMoveTest, LeavesTheJobParkedWhenAKeyHasAnotherType) {
  for (const std::string& key : {keys.state, keys.due, keys.parked, keys.ready[1]}) {
    connection->call({"FLUSHALL"});
    const std::string bytes = envelope(2);
    enqueue_at(1, {{bytes, Priority::normal, 1}});
    command({"ZADD", keys.due, "1000", name_of(bytes)});
    command({"DEL", key});
    command({"SET", key, "of another type"});
    const std::vector<std::string> before = stored(*connection);
    const std::string said = move_of(bytes, 2).send(*connection);
    EXPECT_TRUE(said.starts_with("error WRONGTYPE")) << key << ": " << said;
    EXPECT_EQ(difference(before, stored(*connection)), "") << key;
  }
  connection->call({"FLUSHALL"});
}

TEST_F(DueMoveTest, LeavesTheJobParkedWhenRedisIsFull) {
  const std::string bytes = park(2);
  command({"HSET", keys.state, "bytes", command({"HGET", keys.state, "bytes"})});
  const std::vector<std::string> before = stored(*connection);
  command({"CONFIG", "SET", "maxmemory", "1"});
  const std::string said = move_of(bytes, 2).send(*connection);
  EXPECT_TRUE(said.starts_with("error EXECABORT")) << said;
  // Filled between the queueing and EXEC.
  command({"CONFIG", "SET", "maxmemory", "0"});
  DueMove late = move_of(bytes, 2);
  late.before_exec = [&] { other().call({"CONFIG", "SET", "maxmemory", "1"}); };
  const std::string told = late.send(*connection);
  EXPECT_TRUE(told.starts_with("error EXECABORT")) << told;
  EXPECT_NE(told.find("OOM"), std::string::npos) << told;
  command({"CONFIG", "SET", "maxmemory", "0"});
  expect_nothing_moved(before);
  command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(show(promote()->root()), "[2, -1]") << "which a worker falls back to";
  command({"CONFIG", "SET", "maxmemory", "0"});
}

TEST_F(DueMoveTest, LeavesTheJobParkedWhenTheLibraryGoesAway) {
  const std::string bytes = park(2);
  const std::vector<std::string> before = stored(*connection);
  DueMove move = move_of(bytes, 2);
  move.before_exec = [&] { other().call({"FUNCTION", "FLUSH"}); };
  EXPECT_EQ(move.send(*connection),
            "error ERR Function not found, nil, error ERR no such key, error ERR Function not "
            "found");
  ensure_library(*connection);
  load_mutant(*connection);
  expect_nothing_moved(before);
  move.before_exec = [&] {
    other().call({"FUNCTION", "FLUSH"});
    ensure_library(other());
    load_mutant(other());
  };
  EXPECT_EQ(move.send(*connection), "OK, stored, 1, 1") << "it came back in between";
}

TEST_F(DueMoveTest, LeavesTheJobParkedWhenARightIsMissing) {
  const std::string bytes = park(2);
  register_worker("w");
  const std::vector<std::string> before = stored(*connection);
  for (const char* denied : {"fcall", "xadd", "renamenx", "hget", "zscore", "hstrlen", "xlen",
                             "hincrby", "zrem", "hdel", "multi", "exec"}) {
    command({"ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "+@all",
             "-" + std::string(denied)});
    redis::Connection limited({.url = "unix://limited:secret@" + server().socket_path()});
    limited.connect();
    if (std::string(denied) == "multi") continue;  // a client asks first: see may_transact
    const std::string said = move_of(bytes, 2).send(limited);
    EXPECT_TRUE(said.starts_with("error ")) << denied << ": " << said;
    EXPECT_EQ(difference(before, stored(*connection)), "") << denied;
  }
  EXPECT_EQ(move_of(bytes, 2).send(*connection), "OK, stored, 1, 1");
}

// Left by a call outside of a transaction: nobody may do that, and it loses nothing.
TEST_F(DueMoveTest, LeavesTheJobParkedWhenTheGateIsLeftOver) {
  const std::string bytes = park(2);
  enqueue({{envelope()}});
  command({"XADD", keys.gate_of("w"), "*", "e", "left over"});
  EXPECT_EQ(move_of(bytes, 2).send(*connection),
            "error FERRYBAD the key " + keys.gate_of("w") +
                " is left over from a transaction that was none; nothing was changed, stored, 0, "
                "0");
  EXPECT_EQ(books().delayed, 2);
  EXPECT_EQ(books().envelopes, 1);
  DueMove move = move_of(bytes, 2);
  move.gate = keys.gate_of("w.2");
  EXPECT_EQ(move.send(*connection), "OK, stored, 1, 1") << "by another gate";
  command({"DEL", keys.gate_of("w")});
}

// A caller that closes another one than it opened keeps the copy that it stored, and removes
// nothing.
TEST_F(DueMoveTest, ClosesOnlyWhatItOpened) {
  const std::string bytes = park(2), other_bytes = park(1);
  enqueue({{envelope(), Priority::low}});
  const std::vector<std::string> close_keys{keys.state, keys.due, keys.parked, keys.ready[1]};
  EXPECT_EQ(fcall("due_close", close_keys, {name_of(bytes)}), "0") << "nothing is open";
  const std::string gate = keys.gate_of("w");
  // Each stream has one entry then, as many as the one that was opened should have.
  for (const auto& [stream, name] :
       {std::pair{keys.ready[1], name_of(other_bytes)}, std::pair{keys.ready[2], name_of(bytes)}}) {
    connection->append({"MULTI"});
    connection->append({"FCALL", "ferry_v1_due_open", "5", keys.state, keys.due, keys.parked, gate,
                        keys.ready[1], name_of(bytes), "1000", std::to_string(bytes.size()), "2"});
    connection->append({"XADD", gate, "NOMKSTREAM", "*", "e", bytes});
    connection->append({"RENAMENX", gate, keys.ready[1]});
    connection->append(
        {"FCALL", "ferry_v1_due_close", "4", keys.state, keys.due, keys.parked, stream, name});
    connection->append({"EXEC"});
    for (int queued = 0; queued < 5; ++queued) connection->read();
    const redis::ReplyPtr replies = connection->read();
    EXPECT_EQ(show(replies->root()[0]) + show(replies->root()[3]), "OK0");
    EXPECT_EQ(fcall("due_close", close_keys, {name_of(bytes)}), "0") << "and only once";
    command({"XDEL", keys.ready[1], replies->root()[1].text});
  }
  EXPECT_EQ(books().delayed, 3);
}

TEST_F(DueMoveTest, RemembersNothingOfATransactionThatWasNotClosed) {
  const std::string bytes = park(2);
  enqueue({{envelope()}});
  const std::string gate = keys.gate_of("w");
  connection->append({"MULTI"});
  connection->append({"FCALL", "ferry_v1_due_open", "5", keys.state, keys.due, keys.parked, gate,
                      keys.ready[1], name_of(bytes), "1000", std::to_string(bytes.size()), "2"});
  connection->append({"RENAMENX", gate, keys.ready[1]});
  connection->append({"EXEC"});
  for (int queued = 0; queued < 3; ++queued) connection->read();
  EXPECT_EQ(show(connection->read()->root()), "[OK, 1]");
  enqueue({{envelope()}});  // as many entries as if it had been stored
  DueMove move = move_of(bytes, 2);
  move.told_bytes = "1";
  EXPECT_EQ(move.send(*connection), "GONE, nil, error ERR no such key, 0");
  EXPECT_EQ(books().delayed, 2);
}

}  // namespace
}  // namespace ferry::test
