#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

class InspectFunctionTest : public FunctionsTest {
 protected:
  std::string count_range(std::string_view from, std::string_view to, int most) {
    return fcall("count_range", {keys.progress, keys.ready[1]},
                 {std::string(from), std::string(to), std::to_string(most)});
  }

  std::string purge(int most) {
    return fcall("purge", with_streams({keys.state, keys.due, keys.parked, keys.progress}),
                 {std::to_string(most)});
  }
};

TEST_F(InspectFunctionTest, CountsNothingInAQueueThatWasNeverUsed) {
  const Books b = books();
  EXPECT_EQ(b.accepted + b.ready + b.bytes + b.envelopes + b.leased + b.workers, 0);
  EXPECT_EQ(b.oldest_age_ms, 0);
}

TEST_F(InspectFunctionTest, CountsWhereEveryJobIs) {
  const std::string waiting = envelope(2);
  const std::string delayed = envelope(4);
  lease_one("w", 3);
  enqueue({{waiting}, {delayed, Priority::normal, 60'000}});
  const Books b = books();
  EXPECT_EQ(b.accepted, 9);
  EXPECT_EQ(b.ready, 5);
  EXPECT_EQ(b.delayed, 4);
  EXPECT_EQ(b.envelopes, 2);
  EXPECT_EQ(b.leased, 1);
  EXPECT_EQ(b.due_entries, 1);
  EXPECT_EQ(b.workers, 1);
}

TEST_F(InspectFunctionTest, CountsTheAgeOfWhatNoWorkerHasYet) {
  enqueue({{envelope()}});
  ASSERT_TRUE(eventually([&] { return books().oldest_age_ms > 0; }));
  register_worker("w");
  fetch("w");
  EXPECT_EQ(books().oldest_age_ms, 0);
}

TEST_F(InspectFunctionTest, CountsASliceOfAStreamAndSaysWhereItEnded) {
  register_worker("w");
  enqueue({{envelope(2)}, {envelope(3)}, {envelope(4)}});
  const std::vector<Leased> leased = fetch("w", 2);
  settle("w", leased[1], {0});
  const auto bytes = [&](std::size_t i) { return leased[i].bytes.size(); };
  EXPECT_EQ(count_range("-", "+", 1),
            "[2, " + std::to_string(bytes(0)) + ", " + leased[0].entry_id + "]");
  EXPECT_EQ(count_range("-", leased[1].entry_id, 10),
            "[4, " + std::to_string(bytes(0) + bytes(1)) + ", ]")
      << "the settled job is left out";
  EXPECT_TRUE(count_range("(" + leased[1].entry_id, "+", 10).starts_with("[4, "));
}

TEST_F(InspectFunctionTest, PurgesWhatWaitsOrIsDelayedAndLeavesTheRest) {
  const Leased leased = lease_one("w", 1);
  enqueue({{envelope(2)}, {envelope(3), Priority::high}, {envelope(4), Priority::low, 60'000}});
  EXPECT_EQ(purge(500), "9");
  EXPECT_EQ(purge(500), "0");
  const Books b = books();
  EXPECT_EQ(b.cancelled, 9);
  EXPECT_EQ(b.delayed, 0);
  EXPECT_EQ(b.ready, 1);
  EXPECT_EQ(done("w", {leased}), "[OK, 1]");
}

TEST_F(InspectFunctionTest, PurgesInSlices) {
  for (int i = 0; i < 5; ++i) enqueue({{envelope(2)}});
  enqueue({{envelope(1), Priority::normal, 60'000}});
  EXPECT_EQ(purge(2), "3") << "the delayed one and one that waits";
  expect_balanced();
  EXPECT_EQ(purge(2), "4");
  EXPECT_EQ(purge(2), "4");
  EXPECT_EQ(purge(2), "0");
}

TEST_F(InspectFunctionTest, PurgesForeignBytesThatWereNeverCounted) {
  enqueue({{envelope(2)}});
  command({"XADD", keys.ready[1], "*", "e", "no producer stored this"});
  EXPECT_EQ(purge(10), "2");
  EXPECT_EQ(books().bytes, 0);
  EXPECT_EQ(books().envelopes, 0);
}

TEST_F(InspectFunctionTest, PurgesTheProgressOfAReleasedEnvelopeToo) {
  const Leased leased = lease_one("w", 3);
  settle("w", leased, {1});
  release("w", {leased});
  EXPECT_EQ(purge(10), "2");
  EXPECT_EQ(books().done, 1);
  EXPECT_EQ(command({"EXISTS", keys.progress}), "0");
}

TEST_F(InspectFunctionTest, LetsEverythingButEnqueueWorkWhenRedisIsFull) {
  const Leased leased = lease_one("w", 2);
  const Leased other = lease_one("w", 1);
  const std::string letter = one_of(other.bytes, 0);
  command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_TRUE(enqueue_at(3, {{envelope()}}).starts_with("error OOM"));
  EXPECT_EQ(register_worker("v"), "[OK, 0]");
  EXPECT_EQ(renew("v"), "[OK, 0]");
  EXPECT_EQ(fcall("start", {keys.workers, keys.progress}, {"w", "1:" + leased.entry_id, "2", "0"}),
            "OK");
  EXPECT_EQ(settle("w", other, {}, {}, {{0, "f", 0, letter}}), "[OK, 1, 1]");
  EXPECT_EQ(fcall("dead_retry", with_streams({keys.state, keys.dead, keys.parked}),
                  {name_of(letter), letter}),
            "1");
  EXPECT_EQ(fcall("dead_drop", {keys.state, keys.dead, keys.parked}, {name_of(letter)}), "0");
  EXPECT_EQ(release("w", {leased}), "[OK, 1]");
  EXPECT_EQ(bury("w", leased, envelope()), "[GONE]");
  EXPECT_EQ(done("w", {leased}), "[OK, 0]");
  EXPECT_EQ(show(promote()->root()), "[0, -1]");
  EXPECT_EQ(fcall("expire_producers", {keys.producers}, {"0", "3600000"}), "[0, 0]");
  EXPECT_EQ(show(reclaim_reply("w", 60'000)->root()), "[OK]");
  EXPECT_EQ(fcall("pause", {keys.state}, {"0"}), "OK");
  EXPECT_EQ(purge(10), "3");
  EXPECT_EQ(fcall("leave", with_streams({keys.state, keys.workers}), {"v"}), "0");
  EXPECT_EQ(books().cancelled, 3);
  EXPECT_TRUE(count_range("-", "+", 1).starts_with("[0, 0"));
  EXPECT_EQ(fcall("count_parked", {keys.due, keys.parked}, {"0", "1"}), "[0, 0, 0]");
  EXPECT_FALSE(fcall("revision", {}).starts_with("error"));
  command({"CONFIG", "SET", "maxmemory", "0"});
}

// They say that they write nothing, so a user without rights to write and a replica may call them.
TEST_F(InspectFunctionTest, LooksWithoutWriting) {
  for (const auto& [name, arguments] :
       std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"revision", {"0"}},
           {"counts",
            {"6", keys.state, keys.workers, keys.progress, keys.due, keys.parked, keys.dead}},
           {"count_range", {"2", keys.progress, keys.ready[1], "-", "+", "1"}},
           {"count_parked", {"2", keys.due, keys.parked, "0", "1"}}}) {
    const std::string function = "ferry_v1_" + name;
    std::vector<std::string_view> words{"FCALL_RO", function};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const redis::ReplyPtr reply = connection->command(words);
    EXPECT_FALSE(reply->root().is_error()) << name << ": " << show(reply->root());
  }
}

TEST_F(InspectFunctionTest, StaysBalancedThroughALongMixture) {
  register_worker("w");
  for (int round = 0; round < 40; ++round) {
    enqueue({{envelope(1 + round % 5), static_cast<Priority>(round % 3)},
             {envelope(2), static_cast<Priority>(round % 2), 1 + round % 3}});
    promote();
    for (const Priority priority : {Priority::high, Priority::normal, Priority::low}) {
      for (const Leased& leased : fetch("w", 2, priority)) {
        const std::size_t last = jobs_in(leased.bytes) - 1;
        switch (round % 4) {
          case 0:
            done("w", {leased});
            break;
          case 1:
            settle("w", leased, {}, {}, {{last, "r", 2, one_of(leased.bytes, last)}});
            release("w", {leased});
            break;
          case 2:
            settle("w", leased, {last}, {0});
            break;
          default:
            settle("w", leased, {}, {}, {{last, "f", 0, one_of(leased.bytes, last)}});
        }
      }
    }
    if (round % 10 == 9) purge(3);
    expect_balanced();
  }
}

}  // namespace
}  // namespace ferry::test
