// What waits under a name that does not live: set aside by a worker, or left by a dead one, and
// claimed.

#include <algorithm>
#include <string>
#include <vector>

#include "support/beat_fixture.hpp"

namespace ferry::test {
namespace {

class AsideFunctionTest : public BeatTest {
 protected:
  void SetUp() override {
    BeatTest::SetUp();
    if (!connection) return;
    for (const char* worker : {"a", "b"}) register_worker(worker);
  }

  /// Lets a worker hold envelopes of these many jobs.
  std::vector<Leased> hold(const std::string& worker, const std::vector<std::size_t>& jobs) {
    std::vector<Leased> leased;
    for (const std::size_t count : jobs) leased.push_back(hold_as(worker, count));
    return leased;
  }

  /// What a claim that took all of these replies.
  static std::string all_of(const std::vector<Leased>& leased, const std::string& begun) {
    std::string text = "[OK";
    for (const Leased& one : leased) {
      text += ", [" + one.entry_id + ", " + one.progress + ", " + begun + "]";
    }
    return text + "]";
  }

  std::string consumers() {
    const redis::ReplyPtr reply =
        connection->call({"XINFO", "CONSUMERS", keys.ready[1], group_name});
    std::string names;
    for (const redis::Reply& one : reply->root()) names += std::string(one[1].text) + " ";
    return names;
  }

  std::string set_aside_words(const std::vector<std::string>& words) {
    return fcall("set_aside", {keys.workers, keys.ready[1]}, words);
  }
};

// --- Setting aside ---

TEST_F(AsideFunctionTest, LeavesEnvelopesToWorkersThatCanBeginThem) {
  const std::vector<Leased> held = hold("a", {3, 1});
  EXPECT_EQ(set_aside("a", "~kind:resize", held), "[OK, 2]");
  EXPECT_EQ(deliveries_of("a"), "");
  EXPECT_EQ(deliveries_of("~kind:resize"), "3 1") << "the jobs of each";
  EXPECT_EQ(told("b"), "[1, ~kind:resize, 2]") << "before the next look";
  EXPECT_EQ(books().leased, 2);
  EXPECT_EQ(claim("b", "~kind:resize"), all_of(held, "0"));
  EXPECT_EQ(deliveries_of("b"), "1 1") << "no delivery is burnt";
  EXPECT_EQ(told("b"), "[]");
  EXPECT_EQ(done("b", held), "[OK, 2]");
  EXPECT_EQ(consumers(), "a b ") << "the name is forgotten with its last entry";
}

TEST_F(AsideFunctionTest, AddsUpWhatIsSetAsideUnderOneName) {
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(set_aside("a", "~free", hold("a", {2, 2})), "[OK, 2]");
    EXPECT_EQ(told("b"), "[1, ~free, " + std::to_string(2 * i) + "]");
  }
  EXPECT_EQ(set_aside("a", "~kind:x", hold("a", {2})), "[OK, 1]");
  EXPECT_EQ(told("b"), "[1, ~free, 6, 1, ~kind:x, 1]");
  EXPECT_EQ(look("a"), "[OK, 2, [1, ~free, 6, 1, ~kind:x, 1], []]");
}

TEST_F(AsideFunctionTest, KeepsWhatIsSettledAndWhatWasBegun) {
  Leased held = hold_as("a", 4);
  settle("a", held, {1});
  held.progress = ".x..";
  fcall("start", with_streams({keys.workers, keys.progress}),
        {"a", "1:" + held.entry_id, "4", "2"});
  held.progress = ".x1.";
  for (const char* name : {"~kind:x", "~free", "~newer"}) {
    EXPECT_EQ(set_aside("a", name, {held}), "[OK, 1]");
    EXPECT_EQ(claim("a", name), all_of({held}, "0")) << name;
  }
  EXPECT_EQ(done("a", {held}), "[OK, 1]");
  EXPECT_EQ(books().done, 4);
}

TEST_F(AsideFunctionTest, KeepsTheSuspicionOfWhatADeadWorkerMayHaveBegun) {
  for (const char* name : {"~kind:x", "~free", "~newer"}) {
    const Leased left = hold_as("gone", 2);
    EXPECT_EQ(claim("a", "gone"), all_of({left}, "1")) << "it ran, perhaps";
    for (const char* next : {"b", "a", "b"}) {
      const std::string holds = deliveries_of("a").empty() ? "b" : "a";
      EXPECT_EQ(set_aside(holds, name, {left}), "[OK, 1]");
      EXPECT_EQ(claim(next, name), all_of({left}, "1")) << name;
      EXPECT_EQ(deliveries_of(next), "2") << "who lost the reply sees it as well";
    }
    EXPECT_EQ(done("b", {left}), "[OK, 1]");
  }
}

TEST_F(AsideFunctionTest, TellsApartWhatWasBegunAndWhatWasNotUnderOneName) {
  const std::vector<Leased> left = hold("gone", {3, 1000});
  EXPECT_EQ(claim("a", "gone"), all_of(left, "1"));
  const std::vector<Leased> fresh = hold("a", {1000, 2});
  EXPECT_EQ(set_aside("a", "~kind:x", {left[0], fresh[0], left[1], fresh[1]}), "[OK, 4]");
  EXPECT_EQ(deliveries_of("~kind:x"), "1003 2000 1000 2");
  const redis::ReplyPtr first = claim_reply("b", "~kind:x", 200, 1003);
  EXPECT_EQ(show(first->root()), all_of({left[0], left[1]}, "1")) << "1003 jobs";
  EXPECT_EQ(claim("b", "~kind:x", 200, 1002), all_of(fresh, "0"));
  EXPECT_EQ(deliveries_of("b"), "2 2 1 1");
  EXPECT_EQ(set_aside("b", "~kind:x", {left[0], left[1], fresh[0], fresh[1]}), "[OK, 4]");
  EXPECT_EQ(claim_reply("a", "~kind:x")->root().size, 5u);
  EXPECT_EQ(deliveries_of("a"), "2 2 1 1") << "also when one claim takes both";
}

TEST_F(AsideFunctionTest, LeavesTheDeliveriesOfWhatANewerWorkerHasToRead) {
  const Leased fresh = hold_as("a", 7);
  const std::vector<Leased> left{hold_as("gone"), hold_as("gone")};
  EXPECT_EQ(claim("a", "gone"), all_of(left, "1"));
  EXPECT_EQ(set_aside("a", "~newer", {fresh, left[0], left[1]}), "[OK, 3]");
  EXPECT_EQ(deliveries_of("~newer"), "1 2 2");
  // The same as workers of before put it off.
  EXPECT_EQ(fcall("put_off", {keys.workers, keys.ready[1]}, {"a", hold_as("a").entry_id}),
            "[OK, 1]");
  EXPECT_EQ(deliveries_of("~newer"), "1 2 2 1");
  const redis::ReplyPtr reply = claim_reply("b", "~newer", 200, 1);
  ASSERT_EQ(reply->root().size, 5u) << "nobody knows its jobs, so they do not bound the claim";
  EXPECT_EQ(show(reply->root()[1][2]) + show(reply->root()[2][2]) + show(reply->root()[4][2]),
            "010");
}

TEST_F(AsideFunctionTest, PassesOverWhatTheWorkerDoesNotHold) {
  const std::vector<Leased> held = hold("a", {1, 2, 1});
  const std::vector<Leased> others = hold("b", {1});
  EXPECT_EQ(set_aside("a", "~free", {held[0], others[0]}), "[OK, 1]");
  EXPECT_EQ(set_aside("a", "~free", {held[0], others[0]}), "[OK, 0]") << "a repeated call";
  EXPECT_EQ(set_aside_words({"a", "~free", held[1].entry_id, "2", held[1].entry_id, "1"}),
            "[OK, 1]")
      << "named twice";
  EXPECT_EQ(deliveries_of("~free"), "1 2");
  EXPECT_EQ(set_aside_words({"a", "~free", "5-5", "1"}), "[OK, 0]");
  EXPECT_EQ(set_aside_words({"a", "~free"}), "[OK, 0]");
  command({"XDEL", keys.ready[1], held[2].entry_id});  // by hand
  EXPECT_EQ(set_aside("a", "~free", {held[2]}), "[OK, 0]");
  EXPECT_EQ(told("b"), "[1, ~free, 2]");
  EXPECT_EQ(deliveries_of("b"), "1");
  command({"HINCRBY", keys.state, "cancelled", "1"});  // what the hand deleted
  command({"HINCRBY", keys.state, "bytes", "-" + std::to_string(held[2].bytes.size())});
}

TEST_F(AsideFunctionTest, IsNotForAWorkerThatWasStruckOff) {
  const std::vector<Leased> held = hold("a", {1});
  command({"HDEL", keys.workers, "a"});
  EXPECT_EQ(set_aside("a", "~free", held), "[STALE]");
  EXPECT_EQ(claim("a", "~free"), "[STALE]");
  EXPECT_EQ(deliveries_of("a"), "1");
}

TEST_F(AsideFunctionTest, RefusesANameThatAWorkerCouldHave) {
  const Leased held = hold_as("a");
  const std::string longest = "~" + std::string(79, 'k');
  EXPECT_EQ(set_aside("a", longest, {held}), "[OK, 1]");
  EXPECT_EQ(claim("a", longest), all_of({held}, "0"));
  for (const std::string name : {"", "a", "kind", "~", "~a b", "~~", "~a\n", "~\xff", "~a/b"}) {
    EXPECT_TRUE(set_aside("a", name, {held}).starts_with("error FERRYBAD the holder")) << name;
  }
  EXPECT_TRUE(set_aside("a", "~" + std::string(80, 'k'), {held}).starts_with("error FERRYBAD"));
  EXPECT_TRUE(set_aside_words({"a"}).starts_with("error FERRYBAD"));
  EXPECT_EQ(deliveries_of("a"), "1");
}

TEST_F(AsideFunctionTest, RefusesWrongIdsJobsAndCountsBeforeItChangesAnything) {
  const std::vector<Leased> held = hold("a", {1, 1});
  const std::string id = held[0].entry_id;
  const std::vector<std::vector<std::string>> wrong{
      {"first", "1"}, {"", "1"},   {"5", "1"},    {"5-5-5", "1"}, {id, "0"},   {id, "1001"},
      {id, "-1"},     {id, "1.5"}, {id, "many"},  {id, "nan"},    {id, "inf"}, {id, ""},
      {id},           {"1-1", id}, {id, "1", id}, {"*", "1"}};
  for (const std::vector<std::string>& words : wrong) {
    std::vector<std::string> all{"a", "~free", held[1].entry_id, "1"};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_TRUE(set_aside_words(all).starts_with("error FERRYBAD")) << testing::PrintToString(all);
  }
  std::vector<std::string> many{"a", "~free"};
  for (int i = 0; i < 100; ++i) many.insert(many.end(), {"5-" + std::to_string(i), "1"});
  EXPECT_EQ(set_aside_words(many), "[OK, 0]");
  many.insert(many.end(), {id, "1"});
  EXPECT_TRUE(set_aside_words(many).starts_with("error FERRYBAD"));
  EXPECT_EQ(deliveries_of("a"), "1 1");
  EXPECT_EQ(told("b"), "[]");
}

TEST_F(AsideFunctionTest, IsSeenByWorkersOfBeforeAsADeadWorkersSoThatNothingIsLost) {
  const std::vector<Leased> held = hold("a", {1, 3});
  EXPECT_EQ(set_aside("a", "~kind:x", held), "[OK, 2]");
  look_later({"a", "b"});
  const redis::ReplyPtr reply = reclaim_reply("b", lease);
  ASSERT_EQ(reply->root().size, 3u);
  EXPECT_EQ(reply->root()[1][4].text, "~kind:x");
  EXPECT_EQ(claim("a", "~kind:x"), "[OK]") << "told by a look that was before";
  EXPECT_EQ(told("a"), "[]");
  EXPECT_EQ(done("b", held), "[OK, 2]");
}

// --- Claims ---

TEST_F(AsideFunctionTest, TakesTheOldestFirstAndAsManyAsAskedFor) {
  for (const int most : {1, 2, 3, 4, 200}) {
    const std::vector<Leased> left = hold("gone", {1, 1, 1});
    std::vector<std::string> taken;
    for (int calls = 0; calls < 5; ++calls) {
      const redis::ReplyPtr reply = claim_reply("b", "gone", most);
      EXPECT_LE(static_cast<int>(reply->root().size), 1 + most);
      for (std::size_t i = 1; i < reply->root().size; ++i) {
        taken.emplace_back(reply->root()[i][0].text);
      }
    }
    ASSERT_EQ(taken.size(), 3u) << most;
    EXPECT_EQ(taken[0] + taken[1] + taken[2],
              left[0].entry_id + left[1].entry_id + left[2].entry_id);
    EXPECT_EQ(consumers().find("gone"), std::string::npos) << most << ": it holds nothing";
    EXPECT_EQ(done("b", left), "[OK, 3]");
  }
}

TEST_F(AsideFunctionTest, BoundsJobsWhereTheyAreKnown) {
  struct Case {
    int jobs;
    std::vector<std::size_t> takes;  ///< envelopes by each call
  };
  for (const Case& one : {Case{0, {4}}, Case{1, {1, 1, 1, 1}}, Case{2, {1, 1, 1, 1}},
                          Case{5, {2, 2}}, Case{6, {2, 2}}, Case{7, {3, 1}}, Case{1000, {4}}}) {
    const std::vector<Leased> held = hold("a", {3, 2, 2, 3});
    EXPECT_EQ(set_aside("a", "~kind:x", held), "[OK, 4]");
    for (const std::size_t takes : one.takes) {
      EXPECT_EQ(claim_reply("b", "~kind:x", 200, one.jobs)->root().size, 1 + takes) << one.jobs;
    }
    EXPECT_EQ(done("b", held), "[OK, 4]");
  }
  // Of what a dead worker held they are not known.
  const std::vector<Leased> left = hold("gone", {3, 2});
  EXPECT_EQ(claim("b", "gone", 200, 1), all_of(left, "1"));
}

TEST_F(AsideFunctionTest, CountsADeliveryMoreForWhatWasLeftByADeadWorker) {
  const Leased left = hold_as("gone");
  for (int times = 2; times < 6; ++times) {
    EXPECT_EQ(claim("a", "gone"), all_of({left}, "1"));
    EXPECT_EQ(deliveries_of("a"), std::to_string(times));
    command({"XCLAIM", keys.ready[1], group_name, "gone", "0", left.entry_id, "JUSTID"});
  }
  command({"XCLAIM", keys.ready[1], group_name, "gone", "0", left.entry_id, "RETRYCOUNT",
           "9000000000000000000", "JUSTID"});
  EXPECT_EQ(claim("a", "gone"), all_of({left}, "1"));
  EXPECT_EQ(deliveries_of("a"), "1000") << "a number that a hand wrote is no reason to fail";
}

TEST_F(AsideFunctionTest, TakesNothingWhileTheQueueIsPaused) {
  const std::vector<Leased> left = hold("gone", {1});
  fcall("pause", {keys.control}, {"1"});
  EXPECT_EQ(claim("a", "gone"), "[PAUSED]");
  EXPECT_EQ(deliveries_of("gone"), "1");
  fcall("pause", {keys.control}, {"0"});
  EXPECT_EQ(claim("a", "gone"), all_of(left, "1"));
}

TEST_F(AsideFunctionTest, TakesNothingFromTheLiving) {
  hold_as("b");
  hold_as("a");
  EXPECT_EQ(claim("a", "b"), "[OK]");
  EXPECT_EQ(claim("a", "a"), "[OK]");
  EXPECT_EQ(claim("a", "stranger"), "[OK]");
  EXPECT_EQ(deliveries_of("b") + deliveries_of("a"), "11");
  // No worker has a name that begins so, whatever a hand wrote.
  const Leased held = hold_as("a");
  EXPECT_EQ(set_aside("a", "~free", {held}), "[OK, 1]");
  command({"HSET", keys.workers, "~free", std::to_string(now())});
  EXPECT_EQ(look("a"), "[OK, 3, [1, ~free, 1], []]");
  EXPECT_EQ(claim("a", "~free"), all_of({held}, "0"));
  command({"HDEL", keys.workers, "~free"});
}

TEST_F(AsideFunctionTest, PassesOverWhatAHandDeletedAndForgetsIt) {
  for (const int most : {1, 3}) {
    const std::vector<Leased> left = hold("gone", {1, 1, 1});
    for (const std::size_t deleted : {0, 2}) {
      command({"XDEL", keys.ready[1], left[deleted].entry_id});
      command({"HINCRBY", keys.state, "cancelled", "1"});
      command({"HINCRBY", keys.state, "bytes", "-" + std::to_string(left[deleted].bytes.size())});
    }
    std::size_t taken = 0;
    for (int calls = 0; calls < 4; ++calls)
      taken += claim_reply("b", "gone", most)->root().size - 1;
    EXPECT_EQ(taken, 1u);
    EXPECT_EQ(consumers(), "b ") << "the name is forgotten";
    EXPECT_EQ(done("b", {left[1]}), "[OK, 1]");
  }
}

TEST_F(AsideFunctionTest, TakesAThousandOfMoreInSlices) {
  for (const int envelopes : {1000, 1}) {
    std::vector<Parcel> parcels;
    for (int i = 0; i < envelopes; ++i) parcels.push_back({envelope()});
    put(parcels);
  }
  fetch("gone", 2000);
  std::size_t taken = 0;
  for (const std::size_t expected : {200u, 200u, 200u, 200u, 200u, 1u, 0u}) {
    const redis::ReplyPtr reply = claim_reply("a", "gone");
    EXPECT_EQ(reply->root().size, 1 + expected);
    taken += reply->root().size - 1;
  }
  EXPECT_EQ(taken, 1001u);
}

TEST_F(AsideFunctionTest, RefusesClaimsWithoutBounds) {
  hold_as("gone");
  const std::vector<std::string> keys_of_it{keys.control, keys.workers, keys.progress,
                                            keys.ready[1]};
  for (const char* wrong : {"0", "201", "-1", "1.5", "x", "", "nan", "inf"}) {
    EXPECT_TRUE(fcall("claim", keys_of_it, {"a", "gone", wrong, "0"}).starts_with("error FERRYBAD"))
        << wrong;
  }
  for (const char* wrong : {"-1", "1.5", "x", "", "nan", "inf", "1e300"}) {
    EXPECT_TRUE(fcall("claim", keys_of_it, {"a", "gone", "1", wrong}).starts_with("error FERRYBAD"))
        << wrong;
  }
  EXPECT_TRUE(fcall("claim", keys_of_it, {"a", "gone"}).starts_with("error FERRYBAD"));
  EXPECT_EQ(deliveries_of("gone"), "1");
}

}  // namespace
}  // namespace ferry::test
