// Who may call the functions of the beat, of parts and of the due, by the rights that
// `ferry setup --acl` gives, and by those that it gave before revision 5.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/access_fixture.hpp"
#include "support/due_move.hpp"
#include "support/eventually.hpp"
#include "support/stored.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// The rights of revision 4 on the keys of the queue `mail`.
const std::vector<std::string> worker_of_revision_4{
    "-@all",
    "resetkeys",
    "resetchannels",
    "+select",
    "+client|setname",
    "+fcall",
    "+time",
    "+info",
    "+role",
    "(+fcall ~ferry:{mail:*}:*)",
    "(+xreadgroup +xack +xdel +xtrim +xadd +xrange +xpending +xclaim +xgroup|create "
    "+xgroup|delconsumer +xinfo|groups ~ferry:{mail:*}:ready:*)",
    "(+hexists +hset +hdel +hgetall ~ferry:{mail:*}:workers)",
    "(+exists +hget +hset +hdel ~ferry:{mail:*}:progress)",
    "(+hincrby ~ferry:{mail:*}:state)",
    "(+hget ~ferry:{mail:*}:control)",
    "(+zrangebyscore +zrange +zrem +zadd ~ferry:{mail:*}:due)",
    "(+hsetnx +hexists +hmget +hdel ~ferry:{mail:*}:parked)",
    "(+zadd ~ferry:{mail:*}:dead)",
    "(+hscan +hdel ~ferry:{mail:*}:producers)",
    "(+sadd ~ferry:queues)"};

const std::vector<std::string> admin_of_revision_4{"-@all",
                                                   "resetkeys",
                                                   "resetchannels",
                                                   "+select",
                                                   "+client|setname",
                                                   "+fcall",
                                                   "+time",
                                                   "+ping",
                                                   "+info",
                                                   "+function|load",
                                                   "+fcall_ro",
                                                   "+hget",
                                                   "+hmget",
                                                   "+hlen",
                                                   "+smembers",
                                                   "+xlen",
                                                   "+xpending",
                                                   "+xinfo|groups",
                                                   "+xrange",
                                                   "+zcard",
                                                   "+zrange",
                                                   "+zrangebyscore",
                                                   "+zmscore",
                                                   "+hset",
                                                   "+hdel",
                                                   "+hincrby",
                                                   "+xadd",
                                                   "+xdel",
                                                   "+zrem",
                                                   "+zscore",
                                                   "~ferry:{mail:*}:*",
                                                   "%R~ferry:queues"};

class AccessBeatTest : public AccessTest {
 protected:
  static std::string envelope(std::size_t jobs = 1) {
    static wire::JobIdSource ids;
    wire::EnvelopeWriter writer(ids.next(1'700'000'000'000));
    for (std::size_t i = 0; i < jobs; ++i) writer.add("note", "\x80", 1'700'000'000'000'000);
    return writer.finish();
  }
  static std::string name_of(const std::string& bytes) {
    std::string hex = wire::decode_head(bytes)->first_id.to_string();
    std::erase(hex, '-');
    return "1:" + hex;
  }

  /// Stores an envelope as a user who may do everything.
  void store(const std::string& bytes, const std::string& delay_ms = "0") {
    redis::Connection hand(options());
    const std::string sequence = std::to_string(++sequence_);
    hand.call({"FCALL", "ferry_v1_enqueue", "5", keys.state, keys.producers, keys.due, keys.parked,
               keys.ready[1], "hand", sequence, "0", "0", "0", "5", delay_ms, "1", bytes});
    if (delay_ms != "0") hand.call({"ZADD", keys.due, "5", name_of(bytes)});
  }

  /// Every call that a worker makes, in an order in which each has something to do.
  ///
  /// Returns: function and answer of each.
  std::vector<std::pair<std::string, std::string>> work(redis::Connection& worker) {
    std::vector<std::pair<std::string, std::string>> answers;
    const auto call = [&](const Command& command) {
      const std::vector<std::string_view> words(command.begin(), command.end());
      const redis::ReplyPtr reply = worker.command(words);
      answers.emplace_back(command[0] == "FCALL" ? command[1] : command[0], show(reply->root()));
      return reply;
    };
    const std::string bytes = envelope(3);
    store(bytes);
    call({"FCALL", "ferry_v1_register", "5", keys.control, keys.workers, keys.ready[0],
          keys.ready[1], keys.ready[2], "w"});
    call({"FCALL", "ferry_v1_beat", "2", keys.control, keys.workers, "w", "1000", "1"});
    call({"FCALL", "ferry_v1_look", "4", keys.workers, keys.ready[0], keys.ready[1], keys.ready[2],
          "w", "1000"});
    const auto fetched =
        call({"XREADGROUP", "GROUP", "ferry", "w", "COUNT", "1", "STREAMS", keys.ready[1], ">"});
    const std::string id(fetched->root()[0][1][0][0].text);
    call({"FCALL", "ferry_v1_start", "5", keys.workers, keys.progress, keys.ready[0], keys.ready[1],
          keys.ready[2], "w", "1:" + id, "3", "1"});
    call({"FCALL", "ferry_v1_set_aside", "2", keys.workers, keys.ready[1], "w", "~kind:note", id,
          "3"});
    call({"FCALL", "ferry_v1_claim", "4", keys.control, keys.workers, keys.progress, keys.ready[1],
          "w", "~kind:note", "200", "0"});
    const std::string first = envelope(), second = envelope(), third = envelope();
    call({"FCALL",
          "ferry_v1_part",
          "7",
          keys.state,
          keys.workers,
          keys.progress,
          keys.ready[1],
          keys.due,
          keys.parked,
          keys.dead,
          "w",
          id,
          "3",
          std::to_string(bytes.size()),
          "r",
          "60000",
          std::string("\0\0", 2),
          first,
          "r",
          "0",
          std::string("\0\1", 2),
          second,
          "f",
          "0",
          std::string("\0\2", 2),
          third});
    store(envelope(2), "1");
    call({"FCALL", "ferry_v1_promote", "6", keys.state, keys.due, keys.parked, keys.ready[0],
          keys.ready[1], keys.ready[2], "500", "65536", "10"});
    call({"FCALL", "ferry_v1_promote", "6", keys.state, keys.due, keys.parked, keys.ready[0],
          keys.ready[1], keys.ready[2], "500", "65536"});
    return answers;
  }

  std::string move_due(redis::Connection& worker) {
    const std::string bytes = envelope(2);
    store(bytes, "1");
    return DueMove{keys, name_of(bytes), "5", bytes, 2}.send(worker);
  }

  redis::Connection user_of_before(const std::vector<std::string>& rules) {
    std::vector<std::string> words{"ACL", "SETUSER", "before", "reset", "on", ">secret"};
    words.insert(words.end(), rules.begin(), rules.end());
    redis::Connection(options()).call(std::vector<std::string_view>(words.begin(), words.end()));
    return redis::Connection({.url = "unix://before:secret@" + server().socket_path()});
  }

  /// A dead letter that wraps a bundle, and the call that takes it apart.
  Command split_call() {
    const std::string first = envelope(1), second = envelope(2);
    const std::string letter = wire::wrap_opaque("bundle", 3, wire::decode_head(first)->first_id,
                                                 wire::Death{"unreadable", 1, 1});
    redis::Connection hand(options());
    hand.call({"HSET", keys.parked, name_of(letter), letter});
    hand.call({"ZADD", keys.dead, "5", name_of(letter)});
    hand.call({"HSET", keys.state, "dead", "3", "accepted", "3"});
    return {"FCALL",     "ferry_v1_dead_split", "3",   keys.state, keys.dead,
            keys.parked, name_of(letter),       first, second};
  }

 private:
  int sequence_ = 0;
};

TEST_F(AccessBeatTest, AWorkerBeatsLooksClaimsPartsAndMovesWhatIsDue) {
  make(Role::worker, {"mail"});
  redis::Connection worker(as(Role::worker));
  for (const auto& [function, answer] : work(worker)) {
    EXPECT_FALSE(answer.starts_with("error")) << function << ": " << answer;
  }
  EXPECT_EQ(move_due(worker), "OK, stored, 1, 1");
  EXPECT_THAT(refusals(), IsEmpty());
  EXPECT_TRUE(look().audit().balanced());
  EXPECT_EQ(look().counts().dead, 1);
}

TEST_F(AccessBeatTest, AWorkersLookTellsAProducerOfJobsThatItMayNotRead) {
  store(envelope());
  redis::Connection hand(options());
  hand.call({"FCALL", "ferry_v1_register", "5", keys.control, keys.workers, keys.ready[0],
             keys.ready[1], keys.ready[2], "w"});
  ASSERT_TRUE(eventually([&] { return look().counts().oldest_age.count() > 300; }));
  hand.call({"FUNCTION", "FLUSH"});  // what is remembered is forgotten
  install_functions(options());
  load_mutant(hand);
  Client client(producing(Role::producer));
  client.enqueue(Note{"first"});
  EXPECT_LT(client.hint("mail").oldest_age, look().counts().oldest_age);
  EXPECT_TRUE(eventually([&] {
    answer(Role::worker, {"FCALL", "ferry_v1_look", "4", keys.workers, keys.ready[0], keys.ready[1],
                          keys.ready[2], "w", "60000"});
    const auto age = look().counts().oldest_age;
    client.enqueue(Note{"more"});
    return client.hint("mail").oldest_age >= age;
  }));
  EXPECT_THAT(refusals(), IsEmpty());
}

// `promote` asks how large a body is only where it may: it does not do so for the others.
TEST_F(AccessBeatTest, AWorkerWithTheRightsOfRevision4DoesAllButMoveWhatLuaDoesNotSee) {
  redis::Connection worker = user_of_before(worker_of_revision_4);
  for (const auto& [function, answer] : work(worker)) {
    EXPECT_FALSE(answer.starts_with("error")) << function << ": " << answer;
  }
  EXPECT_THAT(refusals(), IsEmpty());
  EXPECT_EQ(look().counts().delayed, 1) << "what a part was put off to";
  const std::vector<std::string> before = [&] {
    redis::Connection hand(options());
    return stored(hand);
  }();
  const std::string said = move_due(worker);
  EXPECT_TRUE(said.starts_with("error ")) << said;
  redis::Connection hand(options());
  EXPECT_EQ(hand.call({"EXISTS", keys.gate_of("w")})->root().integer, 0);
  EXPECT_EQ(look().counts().delayed, 3);
  EXPECT_TRUE(look().audit().balanced());
}

TEST_F(AccessBeatTest, NobodyElseCallsWhatIsForWorkers) {
  const std::string bytes = envelope();
  store(bytes);
  redis::Connection hand(options());
  hand.call({"FCALL", "ferry_v1_register", "5", keys.control, keys.workers, keys.ready[0],
             keys.ready[1], keys.ready[2], "w"});
  const auto fetched =
      hand.call({"XREADGROUP", "GROUP", "ferry", "w", "STREAMS", keys.ready[1], ">"});
  const std::string id(fetched->root()[0][1][0][0].text);
  const std::vector<std::string> before = stored(hand);
  for (const Role role : {Role::producer, Role::viewer, Role::admin}) {
    expect_refused(role, {{"FCALL", "ferry_v1_look", "2", keys.workers, keys.ready[1], "w", "1000"},
                          {"FCALL", "ferry_v1_claim", "4", keys.control, keys.workers,
                           keys.progress, keys.ready[1], "w", "~newer", "200", "0"},
                          {"FCALL", "ferry_v1_set_aside", "2", keys.workers, keys.ready[1], "w",
                           "~free", id, "1"},
                          {"FCALL", "ferry_v1_part", "7", keys.state, keys.workers, keys.progress,
                           keys.ready[1], keys.due, keys.parked, keys.dead, "w", id, "1", "9", "r",
                           "0", std::string("\0\0", 2), bytes}});
  }
  EXPECT_EQ(difference(before, stored(hand)), "");
  // An operator may write a heartbeat and move what is due: it may write everything.
  store(envelope(), "1");
  const std::vector<std::string> with_due = stored(hand);
  for (const Role role : {Role::producer, Role::viewer}) {
    expect_refused(
        role, {{"FCALL", "ferry_v1_beat", "2", keys.control, keys.workers, "w", "1", "1"},
               {"FCALL", "ferry_v1_promote", "6", keys.state, keys.due, keys.parked, keys.ready[0],
                keys.ready[1], keys.ready[2], "500", "65536"},
               {"FCALL", "ferry_v1_due_open", "5", keys.state, keys.due, keys.parked,
                keys.gate_of("p"), keys.ready[1], name_of(bytes), "5", "9", "1"}});
  }
  EXPECT_EQ(difference(with_due, stored(hand)), "");
}

TEST_F(AccessBeatTest, AWorkerStillReachesNothingElse) {
  expect_refused(Role::worker, {{"RENAMENX", keys.ready[1], keys.state},
                                {"RENAMENX", keys.ready[1], "ferry:{mail:0}:elsewhere"},
                                {"RENAME", keys.ready[1], keys.gate_of("w")},
                                {"XRANGE", keys.gate_of("w"), "-", "+"},
                                {"XDEL", keys.gate_of("w"), "1-1"},
                                {"DEL", keys.gate_of("w")},
                                {"HGETALL", keys.parked},
                                {"HGET", keys.parked, "1:00"},
                                {"HGETALL", keys.state},
                                {"ZREM", keys.dead, "1:00"},
                                {"ZSCORE", keys.dead, "1:00"},
                                {"HSTRLEN", keys.workers, "w"},
                                {"WAIT", "0", "1"}});
  make(Role::worker, {"mail"});
  const Keys files("ferry", "files");
  expect_refused(Role::worker,
                 {{"RENAMENX", files.ready[1], files.gate_of("w")},
                  {"RENAMENX", keys.ready[1], files.gate_of("w")},
                  {"XADD", files.gate_of("w"), "*", "e", "x"},
                  {"XLEN", files.ready[1]},
                  {"ZSCORE", files.due, "1:00"},
                  {"HSTRLEN", files.parked, "1:00"},
                  {"FCALL", "ferry_v1_beat", "2", files.control, files.workers, "w", "1000", "1"},
                  {"FCALL", "ferry_v1_claim", "4", keys.control, keys.workers, keys.progress,
                   files.ready[1], "w", "~newer", "200", "0"}});
}

TEST_F(AccessBeatTest, OnlyAnOperatorTakesADeadLetterApart) {
  const Command call = split_call();
  redis::Connection hand(options());
  const std::vector<std::string> before = stored(hand);
  for (const Role role : {Role::producer, Role::worker, Role::viewer}) {
    expect_refused(role, {call});
  }
  redis::Connection admin = user_of_before(admin_of_revision_4);
  const std::vector<std::string_view> words(call.begin(), call.end());
  EXPECT_THAT(show(admin.command(words)->root()),
              HasSubstr("NOPERM the user has no right to ZADD ferry:{mail:0}:dead; nothing"))
      << "an admin of before revision 5";
  EXPECT_EQ(difference(before, stored(hand)), "");
  EXPECT_EQ(answer(Role::admin, call), "2");
  EXPECT_EQ(look().counts().dead, 3);
  EXPECT_EQ(hand.call({"ZCARD", keys.dead})->root().integer, 2);
}

}  // namespace
}  // namespace ferry::test
