// The look: who is struck off, and what can be claimed.

#include <functional>
#include <set>
#include <utility>

#include "support/beat_fixture.hpp"

namespace ferry::test {
namespace {

class LookFunctionTest : public BeatTest {};

TEST_F(LookFunctionTest, FindsWhatADeadWorkerHeldAndTellsEveryWorkerThatBeats) {
  register_worker("dead");
  put({{envelope()}, {envelope()}, {envelope(), Priority::high}});
  fetch("dead");
  fetch("dead", 10, Priority::high);
  register_worker("a");
  register_worker("b");
  EXPECT_EQ(look("a"), "[OK, 3, [], []]") << "all may come back until the watch is a lease old";
  EXPECT_EQ(look_later({"a", "b"}), "[OK, 2, [0, dead, 1, 1, dead, 2], []]");
  EXPECT_EQ(told("a"), "[0, dead, 1, 1, dead, 2]");
  EXPECT_EQ(told("b"), "[0, dead, 1, 1, dead, 2]");
  EXPECT_EQ(renew("dead"), "[STALE]");
}

TEST_F(LookFunctionTest, ForgetsTheConsumersOfTheDeadThatHeldNothing) {
  register_worker("idle");
  done("idle", {hold_as("idle")});
  register_worker("w");
  EXPECT_EQ(look_later({"w"}), "[OK, 1, [], []]");
  EXPECT_EQ(command({"XINFO", "CONSUMERS", keys.ready[1], group_name}), "[]");
}

TEST_F(LookFunctionTest, ReadsNoAgeForProducersWhenThereIsNothingToRead) {
  // A producer that may not read jobs was here; what it would like to know cannot be looked up.
  register_worker("w");
  command({"ACL", "SETUSER", "blind", "on", ">secret", "~*", "+@all", "-xrange"});
  redis::Connection blind({.url = "unix://blind:secret@" + server().socket_path()});
  const std::string bytes = envelope();
  const std::vector<std::string_view> call{"FCALL",
                                           "ferry_v1_enqueue",
                                           "5",
                                           keys.state,
                                           keys.producers,
                                           keys.due,
                                           keys.parked,
                                           keys.ready[1],
                                           "blind",
                                           "1",
                                           "0",
                                           "0",
                                           "0",
                                           "5",
                                           "0",
                                           "1",
                                           bytes};
  EXPECT_EQ(show(blind.call(call)->root()).substr(0, 3), "[OK");
  EXPECT_EQ(look("w"), "[OK, 1, [], []]");
  command({"RENAME", keys.ready[1], "elsewhere"});
  command({"SET", keys.ready[1], "no stream"});
  pass(200);
  EXPECT_TRUE(look("w").starts_with("[OK, 1, [], [1, WRONGTYPE")) << look("w");
  command({"RENAME", "elsewhere", keys.ready[1]});
}

// The watch is fed by every sign of life, so it does not matter how seldom a worker looks: with
// many queues, or a slow link, that may be less than once in a lease.
TEST_F(LookFunctionTest, TakesOverHoweverSeldomItLooks) {
  const std::pair<const char*, std::function<void()>> signs[] = {
      {"beat", [&] { beat("other", "0"); }},
      {"renew", [&] { renew("other"); }},
      {"register", [&] { register_worker("other"); }},
      {"look", [&] { look("other"); }},
      {"reclaim", [&] { reclaim_reply("other", lease, 1); }}};
  for (const auto& [sign, live] : signs) {
    for (const bool as_before : {false, true}) {
      begin_anew();
      for (const char* worker : {"dead", "w", "other"}) register_worker(worker);
      hold_as("dead");
      look("w");  // the lease is known from now on
      for (int step = 0; step < 8; ++step) {
        pass(lease / 2 + 100);
        // Whoever looks does so when both have been heard.
        command({"HSET", keys.workers, "w", std::to_string(now()), "other", std::to_string(now())});
        live();
      }
      if (std::string_view(sign) == "reclaim") {
        EXPECT_EQ(deliveries_of("other"), "2") << "it takes over as it looks";
        continue;
      }
      const std::string seen = as_before ? show(reclaim_reply("w", lease)->root()) : look("w");
      if (!as_before) claim("w", "dead");
      EXPECT_NE(seen.find("dead"), std::string::npos) << sign << ": " << seen;
      EXPECT_EQ(deliveries_of("w"), "2") << sign;
    }
  }
}

TEST_F(LookFunctionTest, BeginsItsWatchAnewAfterAGapWhateverTheFirstSignIs) {
  const std::pair<const char*, std::function<void()>> signs[] = {
      {"beat", [&] { beat("w"); }},
      {"renew", [&] { renew("w"); }},
      {"register", [&] { register_worker("new"); }},
      {"look", [&] { look("w"); }},
      {"reclaim", [&] { reclaim_reply("w", lease); }}};
  for (const std::int64_t gap : {std::int64_t{lease + 1}, std::int64_t{3'600'000}, std::int64_t{-1},
                                 std::int64_t{-3'600'000}}) {
    for (const auto& [sign, live] : signs) {
      begin_anew();
      register_worker("w");
      register_worker("other");
      look_later({"w", "other"});
      pass(gap);
      live();
      EXPECT_TRUE(look("w").starts_with("[OK, "));
      reclaim_reply("w", lease);
      EXPECT_EQ(renew("other"), "[OK, 0]")
          << sign << " after " << gap << " ms: it had no time to come back";
    }
  }
}

TEST_F(LookFunctionTest, GoesByAShortLeaseUntilOneIsSaid) {
  register_worker("w");  // by a worker of before, which does not say its lease
  hold_as("gone");
  pass(1001);
  renew("w");
  EXPECT_EQ(look("w"), "[OK, 1, [], []]") << "that was a gap: the watch began with the renewal";
  pass(lease);
  renew("w");
  EXPECT_EQ(look("w"), "[OK, 1, [], []]");
  pass(1);
  EXPECT_EQ(look("w"), "[OK, 1, [1, gone, 1], []]");
}

TEST_F(LookFunctionTest, GoesByTheLeaseThatWasSaidLast) {
  register_worker("w");
  hold_as("gone");
  beat("w", "0", "5000");
  for (int i = 0; i < 3; ++i) {
    pass(3000);
    renew("w");  // no gap, by that lease
  }
  EXPECT_EQ(look("w"), "[OK, 1, [1, gone, 1], []]");
  pass(1001);
  EXPECT_EQ(look("w"), "[OK, 1, [], []]") << "a gap, by the lease of the one who looks";
}

TEST_F(LookFunctionTest, StrikesOffADeadWorkerAlthoughTheClockWentBack) {
  register_worker("dead");
  hold_as("dead");
  register_worker("w");
  look_later({"w", "dead"});
  pass(-3'600'000);
  EXPECT_EQ(look_later({"w"}), "[OK, 2, [], []]");
  EXPECT_EQ(command({"HGET", keys.workers, "dead"}), std::to_string(now()));
  EXPECT_EQ(look_later({"w"}), "[OK, 1, [1, dead, 1], []]")
      << "a heartbeat from the future must not keep a lease for ever";
}

TEST_F(LookFunctionTest, TakesAHeartbeatThatIsNoTimeForSilence) {
  register_worker("w");
  for (const std::string garbage : {"abc", "", "nan", "inf", "-inf", "-5", "1e300", "1.5"}) {
    hold_as(garbage + "!");
    command({"HSET", keys.workers, garbage + "!", garbage});
  }
  EXPECT_EQ(look("w"), "[OK, 9, [], []]") << "not before the watch is a lease old";
  EXPECT_EQ(look_later({"w"}),
            "[OK, 1, [1, !, 1, 1, -5!, 1, 1, -inf!, 1, 1, 1.5!, 1, 1, 1e300!, 1, 1, abc!, 1, 1, "
            "inf!, 1, 1, nan!, 1], []]");
}

TEST_F(LookFunctionTest, LooksAtTheOtherStreamsWhenOneIsBroken) {
  for (std::size_t broken = 0; broken < 3; ++broken) {
    begin_anew();
    register_worker("dead");
    for (const std::string& stream : keys.ready) {
      command({"XADD", stream, "*", "e", "x"});
      command({"XREADGROUP", "GROUP", group_name, "dead", "STREAMS", stream, ">"});
    }
    register_worker("w");
    command({"DEL", keys.ready[broken]});
    command({"SET", keys.ready[broken], "not a stream"});
    std::string expected;
    for (std::size_t digit = 0; digit < 3; ++digit) {
      if (digit == broken) continue;
      expected += (expected.empty() ? "" : ", ") + std::to_string(digit) + ", dead, 1";
    }
    const std::string seen = look_later({"w"});
    EXPECT_TRUE(
        seen.starts_with("[OK, 1, [" + expected + "], [" + std::to_string(broken) + ", WRONGTYPE "))
        << seen;
    EXPECT_EQ(told("w"), "[" + expected + "]");
  }
  begin_anew();
}

// Redis forgets what a consumer holds together with the consumer.
TEST_F(LookFunctionTest, ForgetsNoConsumerOfAStreamThatItMayNotLookAt) {
  register_worker("dead");
  hold_as("dead");
  register_worker("w");
  command({"ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "+@all", "-xpending"});
  redis::Connection limited({.url = "unix://limited:secret@" + server().socket_path()});
  for (int step = 0; step < 9; ++step) {
    pass(lease / 4);
    beat("w");
  }
  const redis::ReplyPtr seen =
      limited.call({"FCALL", "ferry_v1_look", "4", keys.workers, keys.ready[0], keys.ready[1],
                    keys.ready[2], "w", "1000"});
  EXPECT_EQ(seen->root()[1].integer, 1) << "it is struck off";
  EXPECT_EQ(seen->root()[3].size, 6u) << show(seen->root());
  EXPECT_EQ(deliveries_of("dead"), "1");
  EXPECT_EQ(look("w"), "[OK, 1, [1, dead, 1], []]");
}

TEST_F(LookFunctionTest, LooksAtAQueueWithoutStreamsOrGroups) {
  command({"HSET", keys.workers, "w", std::to_string(start)});
  EXPECT_EQ(look("w"), "[OK, 1, [], []]");
  put({{envelope()}});
  EXPECT_EQ(look_later({"w"}), "[OK, 1, [], []]") << "without a group nothing is held";
  EXPECT_EQ(claim("w", "anybody"), "[OK]");
  EXPECT_EQ(show(claim_reply("w", "anybody", 1, 0, Priority::low)->root()), "[OK]");
}

TEST_F(LookFunctionTest, OffersWhatIsHeldUnderAnyNameThatAHandMayHaveMade) {
  const std::vector<std::string> names{"",
                                       " ",
                                       "a b\nc",
                                       "~",
                                       "~~",
                                       "~no such thing",
                                       std::string("\0x", 2),
                                       "\xff\xfe",
                                       "12",
                                       "1:2",
                                       std::string(10'000, 'n')};
  register_worker("w");
  for (const std::string& name : names) hold_as(name, 2);
  look_later({"w"});
  for (const std::string& name : names) {
    EXPECT_NE(told("w").find(", " + name + ", 1"), std::string::npos) << name.substr(0, 20);
    EXPECT_EQ(claim_reply("w", name)->root().size, 2u) << name.substr(0, 20);
  }
  EXPECT_EQ(told("w"), "[]") << "what was claimed is offered no more";
  EXPECT_EQ(look("w"), "[OK, 1, [], []]");
}

TEST_F(LookFunctionTest, StrikesAThousandDeadWorkersOffAndOffersAllThatTheyHeld) {
  constexpr std::size_t dead = 1000;
  register_worker("w");
  std::vector<std::string> words{"HSET", keys.workers};
  std::vector<Parcel> parcels;
  for (std::size_t i = 0; i < dead; ++i) {
    words.insert(words.end(), {"dead" + std::to_string(i), std::to_string(start)});
    parcels.push_back({envelope()});
  }
  connection->call(std::vector<std::string_view>(words.begin(), words.end()));
  put(parcels);
  for (std::size_t i = 0; i < dead; ++i) fetch("dead" + std::to_string(i), 1);
  look_later({"w"});
  EXPECT_EQ(command({"HLEN", keys.workers}), "1");
  std::set<std::string> claimed;
  for (int round = 0; round < 20 && claimed.size() < dead; ++round) {
    const redis::ReplyPtr seen = look_reply("w");
    const redis::Reply& list = seen->root()[2];
    EXPECT_EQ(list.size, 300u) << "of a hundred at once, at most";
    for (std::size_t i = 1; i < list.size; i += 3) {
      const std::string holder(list[i].text);
      EXPECT_EQ(claim_reply("w", holder)->root().size, 2u) << holder;
      claimed.insert(holder);
    }
  }
  EXPECT_EQ(claimed.size(), dead);
  EXPECT_EQ(books().leased, static_cast<std::int64_t>(dead));
}

TEST_F(LookFunctionTest, OffersTheDeadFirstAndInTurnsWhatIsSetAsideUnderManyNames) {
  register_worker("w");
  for (int i = 0; i < 150; ++i) {
    EXPECT_EQ(set_aside("w", "~kind:" + std::to_string(i), {hold_as("w")}), "[OK, 1]");
  }
  EXPECT_EQ(beat_reply("w")->root()[7].size, 300u) << "a hundred, also without a look";
  hold_as("zoe");
  look_later({"w"});
  std::set<std::string> offered;
  for (int turn = 0; turn < 4; ++turn) {
    const redis::ReplyPtr seen = look_reply("w");
    const redis::Reply& list = seen->root()[2];
    ASSERT_EQ(list.size, 300u);
    EXPECT_EQ(list[1].text, "zoe");
    for (std::size_t i = 1; i < list.size; i += 3) offered.insert(std::string(list[i].text));
  }
  EXPECT_EQ(offered.size(), 151u);
}

TEST_F(LookFunctionTest, KnowsAgainWhatThereIsAfterTheNextLookWhenTheLibraryWasLost) {
  register_worker("dead");
  register_worker("w");
  hold_as("dead");
  EXPECT_EQ(set_aside("w", "~free", {hold_as("w")}), "[OK, 1]");
  EXPECT_EQ(look_later({"w"}), "[OK, 1, [1, dead, 1, 1, ~free, 1], []]");
  load_with_clock(*connection);
  EXPECT_EQ(told("w"), "[]");
  EXPECT_EQ(look("w"), "[OK, 1, [1, ~free, 1], []]")
      << "what is set aside needs no grace; the others may be alive";
  EXPECT_EQ(look_later({"w"}), "[OK, 1, [1, dead, 1, 1, ~free, 1], []]");
}

}  // namespace
}  // namespace ferry::test
