#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

class SettleFunctionTest : public FunctionsTest {
 protected:
  std::string progress_of(const Leased& leased) {
    return command({"HGET", keys.progress, digit(leased) + ":" + leased.entry_id});
  }

  static std::string digit(const Leased& leased) {
    return std::to_string(static_cast<int>(leased.priority));
  }
};

TEST_F(SettleFunctionTest, LetsOnlyARegisteredWorkerSettle) {
  const Leased leased = lease_one("w", 1);
  EXPECT_EQ(done("other", {leased}), "[STALE]");
  EXPECT_EQ(settle("other", leased, {0}), "[STALE]");
  EXPECT_EQ(bury("other", leased, envelope()), "[STALE]");
  EXPECT_EQ(release("other", {leased}), "[STALE]");
  EXPECT_EQ(books().leased, 1);
}

TEST_F(SettleFunctionTest, SettlesNothingThatAnotherWorkerHolds) {
  const Leased leased = lease_one("w", 2);
  register_worker("other");
  EXPECT_EQ(settle("other", leased, {0, 1}), "[GONE]");
  EXPECT_EQ(bury("other", leased, envelope()), "[GONE]");
  EXPECT_EQ(release("other", {leased}), "[OK, 0]");
  EXPECT_EQ(settle("w", leased, {0, 1}), "[OK, 2, 1]");
}

TEST_F(SettleFunctionTest, FinishesPartsOfAnEnvelopeOneAfterTheOther) {
  const Leased leased = lease_one("w", 4);
  EXPECT_EQ(settle("w", leased, {2}), "[OK, 1, 0]");
  EXPECT_EQ(progress_of(leased), "..x.");
  EXPECT_EQ(books().ready, 3);
  EXPECT_EQ(settle("w", leased, {0, 2}, {3}), "[OK, 2, 0]") << "a settled job is passed over";
  EXPECT_EQ(progress_of(leased), "x.xx");
  EXPECT_EQ(settle("w", leased, {1}), "[OK, 1, 1]");
  EXPECT_EQ(settle("w", leased, {1}), "[GONE]");
  const Books b = books();
  EXPECT_EQ(b.done, 3);
  EXPECT_EQ(b.expired, 1);
  expect_nothing_left();
}

TEST_F(SettleFunctionTest, FinishesWithDoneWhatSettleBegan) {
  Leased leased = lease_one("w", 3);
  settle("w", leased, {0});
  leased.progress = progress_of(leased);
  EXPECT_EQ(done("w", {leased}), "[OK, 1]");
  EXPECT_EQ(books().done, 3);
  expect_nothing_left();
}

TEST_F(SettleFunctionTest, KeepsTheMarksOfStartedSuspects) {
  const Leased leased = lease_one("w", 3);
  fcall("start", {keys.workers, keys.progress}, {"w", "1:" + leased.entry_id, "3", "1"});
  EXPECT_EQ(settle("w", leased, {0}), "[OK, 1, 0]");
  EXPECT_EQ(progress_of(leased), "x1.");
  EXPECT_EQ(settle("w", leased, {1, 2}), "[OK, 2, 1]");
}

TEST_F(SettleFunctionTest, RetriesAtOnceAtTheEndOfTheStream) {
  const Leased leased = lease_one("w", 2, Priority::high);
  const std::string again = one_of(leased.bytes, 1);
  EXPECT_EQ(settle("w", leased, {0}, {}, {{1, "r", 0, again}}), "[OK, 2, 1]");
  const std::vector<Leased> fetched = fetch("w", 10, Priority::high);
  ASSERT_EQ(fetched.size(), 1u);
  EXPECT_EQ(fetched[0].bytes, again);
  EXPECT_EQ(books().ready, 1);
}

TEST_F(SettleFunctionTest, ParksARetryUntilItIsDue) {
  const Leased leased = lease_one("w", 2);
  const std::string again = one_of(leased.bytes, 1);
  EXPECT_EQ(settle("w", leased, {0}, {}, {{1, "r", 60'000, again}}), "[OK, 2, 1]");
  EXPECT_EQ(books().delayed, 1);
  EXPECT_EQ(books().bytes, static_cast<std::int64_t>(again.size()));
  EXPECT_EQ(command({"HGET", keys.parked, name_of(again)}), again);
}

TEST_F(SettleFunctionTest, MovesAFailedJobToTheDeadLetters) {
  const Leased leased = lease_one("w", 2, Priority::low);
  const std::string letter = one_of(leased.bytes, 0);
  EXPECT_EQ(settle("w", leased, {}, {}, {{0, "f", 0, letter}}), "[OK, 1, 0]");
  EXPECT_EQ(books().dead, 1);
  EXPECT_EQ(command({"ZRANGE", keys.dead, "0", "-1"}), "[" + name_of(letter, Priority::low) + "]");
  EXPECT_EQ(settle("w", leased, {1}), "[OK, 1, 1]");
}

TEST_F(SettleFunctionTest, MovesNoJobTwiceWhenACallIsRepeated) {
  const Leased leased = lease_one("w", 4);
  const std::vector<Move> moves{{0, "r", 0, one_of(leased.bytes, 0)},
                                {1, "r", 60'000, one_of(leased.bytes, 1)},
                                {2, "f", 0, one_of(leased.bytes, 2)}};
  EXPECT_EQ(settle("w", leased, {}, {}, moves), "[OK, 3, 0]");
  EXPECT_EQ(settle("w", leased, {}, {}, moves), "[OK, 0, 0]");
  const Books b = books();
  EXPECT_EQ(b.delayed, 1);
  EXPECT_EQ(b.dead, 1);
  EXPECT_EQ(b.ready, 2) << "the one that goes on at once and the open one";
  EXPECT_EQ(settle("w", leased, {3}), "[OK, 1, 1]");
}

TEST_F(SettleFunctionTest, TakesEveryVerbInOneCall) {
  const Leased leased = lease_one("w", 5);
  EXPECT_EQ(settle("w", leased, {0}, {1},
                   {{2, "r", 0, one_of(leased.bytes, 2)},
                    {3, "r", 60'000, one_of(leased.bytes, 3)},
                    {4, "f", 0, one_of(leased.bytes, 4)}}),
            "[OK, 5, 1]");
  const Books b = books();
  EXPECT_EQ(b.done, 1);
  EXPECT_EQ(b.expired, 1);
  EXPECT_EQ(b.ready, 1);
  EXPECT_EQ(b.delayed, 1);
  EXPECT_EQ(b.dead, 1);
}

TEST_F(SettleFunctionTest, SettlesTheLargestEnvelope) {
  const Leased leased = lease_one("w", 1000);
  std::vector<std::size_t> all(1000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  EXPECT_EQ(settle("w", leased, {999}), "[OK, 1, 0]");
  EXPECT_EQ(settle("w", leased, all), "[OK, 999, 1]");
  expect_nothing_left();
}

TEST_F(SettleFunctionTest, CancelsTheTwinOfAJobThatIsParkedAlready) {
  const std::string bytes = envelope();
  register_worker("w");
  enqueue({{bytes}, {bytes}});
  const std::vector<Leased> twins = fetch("w");
  EXPECT_EQ(settle("w", twins[0], {}, {}, {{0, "f", 0, bytes}}), "[OK, 1, 1]");
  EXPECT_EQ(settle("w", twins[1], {}, {}, {{0, "r", 60'000, bytes}}), "[OK, 1, 1]");
  EXPECT_EQ(books().dead, 1);
  EXPECT_EQ(books().delayed, 0);
  EXPECT_EQ(books().cancelled, 1);
}

TEST_F(SettleFunctionTest, RefusesWrongArgumentsBeforeItChangesAnything) {
  const Leased leased = lease_one("w", 3);
  const std::string good = one_of(leased.bytes, 0);
  const std::string size = std::to_string(leased.bytes.size());
  const std::string none;
  const auto call = [&](std::vector<std::string> tail) {
    tail.insert(tail.begin(), {"w", leased.entry_id});
    return fcall("settle", settle_keys(leased), tail);
  };
  const std::vector<std::vector<std::string>> wrong{
      {"0", size, none, none},
      {"1001", size, none, none},
      {"x", size, none, none},
      {"3", "x", none, none},
      {"3", size, packed({0, 3}), none},
      {"3", size, packed({0}), packed({5})},
      {"3", size, packed({0}) + "x", none},
      {"3", size, none, none, "0", "f", "0", good, "3", "f", "0", good},
      {"3", size, none, none, "0", "f", "0", good, "1", "z", "0", good},
      {"3", size, none, none, "0", "f", "0", good, "1", "r", "soon", good},
      {"3", size, none, none, "0", "f", "0", good, "1", "r", "0", "hello"},
      {"3", size, none, none, "0", "f", "0", good, "1", "r", "0", envelope(2)},
      {"3", size, none, none, "0", "f", "0", good, "1", "r", "0"},
  };
  for (const auto& tail : wrong) {
    const std::string reply = call(tail);
    EXPECT_TRUE(reply.starts_with("error FERRYBAD")) << reply;
  }
  EXPECT_EQ(command({"EXISTS", keys.progress, keys.dead, keys.due, keys.parked}), "0");
  EXPECT_EQ(books().ready, 3);
  settle("w", leased, {1});
  EXPECT_TRUE(call({"2", size, packed({0}), none}).starts_with("error FERRYBAD"))
      << "not the job count that its progress was written with";
}

TEST_F(SettleFunctionTest, BuriesBytesThatCannotBeDecodedWhole) {
  const Leased leased = lease_one("w", 3);
  const auto head = wire::decode_head(leased.bytes);
  const std::string letter =
      wire::wrap_opaque(leased.bytes, head->count, head->first_id, {"broken", 1, 0});
  EXPECT_EQ(bury("w", leased, letter), "[OK, 3]");
  EXPECT_EQ(bury("w", leased, letter), "[GONE]");
  EXPECT_EQ(books().dead, 3);
  expect_nothing_left();
  wire::StoredEnvelope stored;
  const redis::ReplyPtr kept = connection->call({"HGET", keys.parked, name_of(leased.bytes)});
  EXPECT_EQ(wire::decode(kept->root().text, stored), "");
  EXPECT_EQ(stored.opaque, leased.bytes);
  EXPECT_EQ(stored.death->reason, "broken");
  EXPECT_EQ(stored.head.count, 3u);
}

TEST_F(SettleFunctionTest, BuriesOnlyTheJobsThatWereNotSettled) {
  const Leased leased = lease_one("w", 3);
  settle("w", leased, {0});
  const auto head = wire::decode_head(leased.bytes);
  const std::string letter =
      wire::wrap_opaque(leased.bytes, head->count, head->first_id, {"broken", 1, 0});
  EXPECT_EQ(bury("w", leased, letter), "[OK, 2]");
  EXPECT_EQ(books().dead, 2);
  EXPECT_EQ(books().done, 1);
  expect_nothing_left();
}

TEST_F(SettleFunctionTest, KeepsEveryEntryThatNoProducerStored) {
  register_worker("w");
  for (const std::string_view alien : {"hello", "", "another"}) {
    command({"XADD", keys.ready[1], "*", "e", alien});
  }
  for (const Leased& leased : fetch("w")) {
    const std::string letter = wire::wrap_opaque(leased.bytes, 1, JobId{}, {"alien", 1, 0});
    EXPECT_EQ(bury("w", leased, letter), "[OK, 1]");
  }
  const Books b = books();
  EXPECT_EQ(b.accepted, 3);
  EXPECT_EQ(b.dead, 3);
  EXPECT_EQ(b.dead_entries, 3) << "none took the place of another";
  EXPECT_EQ(b.bytes, 0);
}

// The last ids of a stream are beyond the numbers of Lua, and an id of the same form may be parked.
TEST_F(SettleFunctionTest, KeepsEachOfTheLastEntriesUnderAnIdOfItsOwn) {
  register_worker("w");
  const auto bury_next = [&](const std::string& bytes) {
    const Leased leased = fetch("w", 1).at(0);
    return bury("w", leased, wire::wrap_opaque(bytes, 1, JobId{}, {"alien", 1, 0}));
  };
  command({"XADD", keys.ready[1], "7-7", "e", "hello"});
  const std::string id_of_entry = std::string(7, '\0') + '\7' + std::string(7, '\0') + '\7';
  const std::string taken = std::string("\x95\x01\x00\x01\xc4\x10", 6) + id_of_entry;
  enqueue({{taken, Priority::normal, 60'000}});
  EXPECT_EQ(bury_next("hello"), "[OK, 1]");
  for (const char* last : {"4", "5"}) {
    command({"XADD", keys.ready[1], "18446744073709551615-1844674407370955161" + std::string(last),
             "e", "hello"});
    EXPECT_EQ(bury_next("hello"), "[OK, 1]");
  }
  EXPECT_EQ(books().dead_entries, 3);
  EXPECT_EQ(books().parked_entries, 4);
  const redis::ReplyPtr names = connection->call({"ZRANGE", keys.dead, "0", "-1"});
  for (const redis::Reply& name : names->root()) {
    wire::StoredEnvelope stored;
    const redis::ReplyPtr letter = connection->call({"HGET", keys.parked, name.text});
    EXPECT_EQ(wire::decode(letter->root().text, stored), "") << name.text;
    EXPECT_EQ(name_of(std::string(letter->root().text)), name.text);
  }
}

TEST_F(SettleFunctionTest, IgnoresMarksThatAreNotThoseOfTheEnvelope) {
  const Leased leased = lease_one("w", 2);
  command({"HSET", keys.progress, "1:" + leased.entry_id, "xxxxxxxxx"});
  EXPECT_TRUE(settle("w", leased, {0}).starts_with("error FERRYBAD the envelope has 9 jobs"));
  const auto head = wire::decode_head(leased.bytes);
  EXPECT_EQ(bury("w", leased, wire::wrap_opaque(leased.bytes, 2, head->first_id, {"broken", 1, 0})),
            "[OK, 2]");
  expect_nothing_left();
}

TEST_F(SettleFunctionTest, BuriesByTheBytesThatAreThereWhateverIsTold) {
  Leased leased = lease_one("w", 2);
  const auto head = wire::decode_head(leased.bytes);
  const std::string letter = wire::wrap_opaque(leased.bytes, 2, head->first_id, {"broken", 1, 0});
  leased.bytes += "more";
  EXPECT_EQ(bury("w", leased, letter), "[OK, 2]");
  expect_nothing_left();
}

TEST_F(SettleFunctionTest, SaysWhichEnvelopeOfAMoveIsWrong) {
  const Leased leased = lease_one("w", 2);
  const std::string good = one_of(leased.bytes, 0);
  EXPECT_TRUE(settle("w", leased, {}, {}, {{0, "r", 0, good}, {1, "r", 0, "hello"}})
                  .starts_with("error FERRYBAD envelope 2 is not"));
}

// Somebody else took it out of the stream; its lease must not stay for ever.
TEST_F(SettleFunctionTest, EndsTheLeaseOfAnEntryThatIsGone) {
  const Leased leased = lease_one("w", 1);
  command({"XDEL", keys.ready[1], leased.entry_id});
  EXPECT_EQ(bury("w", leased, leased.bytes), "[GONE]");
  EXPECT_EQ(books().leased, 0);
  EXPECT_EQ(books().dead, 0);
  command({"DEL", keys.state});  // it counts a job that nobody has
}

TEST_F(SettleFunctionTest, BuriesOnlyUnderAnEnvelope) {
  const Leased leased = lease_one("w", 1);
  EXPECT_TRUE(bury("w", leased, "hello").starts_with("error FERRYBAD"));
  EXPECT_EQ(books().leased, 1);
}

TEST_F(SettleFunctionTest, ReleasesEnvelopesUntouched) {
  register_worker("w");
  enqueue({{envelope(2)}, {envelope(3)}});
  const std::vector<Leased> leased = fetch("w");
  EXPECT_EQ(release("w", leased), "[OK, 2]");
  EXPECT_EQ(release("w", leased), "[OK, 0]") << "a repeated call, after a lost reply";
  EXPECT_EQ(books().leased, 0);
  EXPECT_EQ(books().ready, 5);
  const std::vector<Leased> again = fetch("w");
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].bytes, leased[0].bytes);
  EXPECT_EQ(again[1].bytes, leased[1].bytes);
  const redis::ReplyPtr pending =
      connection->call({"XPENDING", keys.ready[1], group_name, "-", "+", "10"});
  EXPECT_EQ(pending->root()[0][3].integer, 1) << "no delivery is burnt";
}

TEST_F(SettleFunctionTest, ReleasesWithWhatIsSettledAlready) {
  const Leased leased = lease_one("w", 3);
  settle("w", leased, {0, 2});
  EXPECT_EQ(release("w", {leased}), "[OK, 1]");
  EXPECT_EQ(books().ready, 1);
  Leased again = fetch("w").at(0);
  EXPECT_EQ(progress_of(again), "x.x");
  EXPECT_EQ(progress_of(leased), "nil");
  EXPECT_EQ(settle("w", again, {0, 1, 2}), "[OK, 1, 1]");
  EXPECT_EQ(books().done, 3);
  expect_nothing_left();
}

TEST_F(SettleFunctionTest, RefusesAWrongEntryIdBeforeItReleasesAnything) {
  const Leased leased = lease_one("w", 1);
  Leased wrong = leased;
  wrong.entry_id = "first";
  EXPECT_TRUE(release("w", {leased, wrong}).starts_with("error FERRYBAD"));
  EXPECT_EQ(books().leased, 1);
}

}  // namespace
}  // namespace ferry::test
