// Whole envelopes whose jobs are all done: the path of nearly every job.
#include <gmock/gmock.h>

#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

using FinishFunctionTest = FunctionsTest;

TEST_F(FinishFunctionTest, FinishesManyWholeEnvelopesInOneCall) {
  register_worker("w");
  std::vector<Parcel> parcels;
  for (int i = 0; i < 300; ++i) parcels.push_back({envelope(2)});
  enqueue(parcels);
  EXPECT_EQ(done("w", fetch("w", 1000)), "[OK, 300]");
  EXPECT_EQ(books().done, 600);
  expect_nothing_left();
}

TEST_F(FinishFunctionTest, SettlesNothingTwiceWhenACallIsRepeated) {
  const Leased leased = lease_one("w", 5);
  EXPECT_EQ(done("w", {leased}), "[OK, 1]");
  EXPECT_EQ(done("w", {leased}), "[OK, 0]");
  EXPECT_EQ(books().done, 5);
}

TEST_F(FinishFunctionTest, CountsOnlyWhatWasStillPendingInAMixedCall) {
  register_worker("w");
  enqueue({{envelope(2)}, {envelope(3)}, {envelope(4)}});
  const std::vector<Leased> leased = fetch("w");
  EXPECT_EQ(done("w", {leased[1]}), "[OK, 1]");
  EXPECT_EQ(done("w", {leased[0], leased[1], leased[2]}), "[OK, 2]");
  EXPECT_EQ(done("w", {leased[0], leased[0]}), "[OK, 0]");
  EXPECT_EQ(books().done, 9);
  expect_nothing_left();
}

TEST_F(FinishFunctionTest, DeletesWhatIsNamedInAnyOrder) {
  register_worker("w");
  enqueue({{envelope(1)}, {envelope(2)}, {envelope(3)}, {envelope(4)}, {envelope(5)}});
  const std::vector<Leased> leased = fetch("w");
  EXPECT_EQ(done("w", {leased[2], leased[4], leased[3]}), "[OK, 3]");
  EXPECT_EQ(books().envelopes, 2);
  EXPECT_EQ(done("w", {leased[1], leased[0]}), "[OK, 2]");
  EXPECT_EQ(books().done, 15);
  expect_nothing_left();
}

TEST_F(FinishFunctionTest, DeletesNothingThatAnotherWorkerHoldsBetweenThem) {
  register_worker("w");
  register_worker("other");
  enqueue({{envelope(1)}, {envelope(2)}, {envelope(3)}, {envelope(4)}, {envelope(5)}});
  const std::vector<Leased> before = fetch("w", 2);
  const std::vector<Leased> others = fetch("other", 1);
  const std::vector<Leased> after = fetch("w", 1);
  EXPECT_EQ(done("w", {before[0], before[1], after[0]}), "[OK, 3]");
  EXPECT_EQ(books().envelopes, 2) << "the other worker's and the one that nobody has fetched";
  EXPECT_EQ(done("other", others), "[OK, 1]");
  EXPECT_EQ(done("w", fetch("w")), "[OK, 1]");
  EXPECT_EQ(books().done, 15);
  expect_nothing_left();
}

TEST_F(FinishFunctionTest, LeavesWhatNobodyHasFetchedBehindThoseItDeletesAtOnce) {
  register_worker("w");
  std::vector<Parcel> parcels;
  for (int i = 0; i < 250; ++i) parcels.push_back({envelope(1)});
  enqueue(parcels);
  EXPECT_EQ(done("w", fetch("w", 203)), "[OK, 203]");
  const Books b = books();
  EXPECT_EQ(b.envelopes, 47);
  EXPECT_EQ(b.ready, 47);
  EXPECT_EQ(fetch("w", 1000).size(), 47u);
}

TEST_F(FinishFunctionTest, AWorkerWithoutTheRightToTrimDeletesOneByOne) {
  register_worker("w");
  enqueue({{envelope(1)}, {envelope(2)}, {envelope(3)}});
  const std::vector<Leased> leased = fetch("w");
  command({"ACL", "SETUSER", "default", "-xtrim"});
  EXPECT_EQ(done("w", leased), "[OK, 3]");
  command({"ACL", "SETUSER", "default", "+xtrim"});
  expect_nothing_left();
}

TEST_F(FinishFunctionTest, SaysWhichRightIsMissing) {
  const Leased leased = lease_one("w", 2);
  command({"ACL", "SETUSER", "default", "-xdel", "-xgroup|delconsumer"});
  EXPECT_EQ(done("w", {leased}), "error NOPERM the user has no right to XDEL " + keys.ready[1] +
                                     "; nothing was changed");
  EXPECT_EQ(fcall("leave", {keys.control, keys.workers, keys.ready[0]}, {"w"}),
            "error NOPERM the user has no right to XGROUP DELCONSUMER " + keys.ready[0] +
                "; nothing was changed");
  command({"ACL", "SETUSER", "default", "+xdel", "+xgroup|delconsumer"});
  EXPECT_EQ(done("w", {leased}), "[OK, 1]");
  expect_nothing_left();
}

// Workers of revision 3 and before call `done`; they may run beside newer ones.
TEST_F(FinishFunctionTest, UnderstandsOlderWorkers) {
  register_worker("w");
  enqueue({{envelope(2)}, {envelope(3)}, {envelope(4)}});
  const std::vector<Leased> leased = fetch("w");
  const auto tell = [&](const std::vector<std::pair<std::size_t, int>>& which) {
    std::vector<std::string> arguments{"w"};
    for (const auto& [at, jobs] : which) {
      arguments.push_back(leased[at].entry_id);
      arguments.push_back(std::to_string(jobs));
      arguments.push_back(std::to_string(leased[at].bytes.size()));
    }
    return fcall("done", {keys.state, keys.workers, keys.progress, keys.ready[1]}, arguments);
  };
  EXPECT_EQ(tell({{1, 3}}), "[OK, 1]");
  EXPECT_EQ(tell({{0, 2}, {1, 3}, {2, 4}}), "[OK, 2]");
  EXPECT_EQ(tell({{0, 2}}), "[OK, 0]");
  EXPECT_EQ(books().done, 9);
  expect_nothing_left();
}

TEST_F(FinishFunctionTest, RefusesNumbersThatAreNotThoseOfTheEnvelopes) {
  const Leased leased = lease_one("w", 2);
  const std::string size = std::to_string(leased.bytes.size());
  const std::string each = big_endian(2, 2) + big_endian(leased.bytes.size(), 4);
  for (const std::vector<std::string>& numbers : std::vector<std::vector<std::string>>{
           {"x", size, each}, {"2", "-1", each}, {"2", size, each + 'x'}, {"2", size, ""}}) {
    std::vector<std::string> arguments{"w", numbers[0], numbers[1], numbers[2], leased.entry_id};
    EXPECT_THAT(finish(keys.ready[1], arguments), testing::HasSubstr("FERRYBAD"));
  }
  EXPECT_THAT(finish(keys.ready[1], {"w", "0", "0", ""}), testing::HasSubstr("FERRYBAD"));
  EXPECT_EQ(books().leased, 1);
  EXPECT_EQ(done("w", {leased}), "[OK, 1]");
}

TEST_F(FinishFunctionTest, LeavesAnEnvelopeThatNobodyHasFetched) {
  register_worker("w");
  const std::string bytes = envelope(2);
  enqueue({{bytes}});
  const std::string waiting = command({"XRANGE", keys.ready[1], "-", "+"});
  const std::string id = waiting.substr(2, waiting.find(',') - 2);
  EXPECT_EQ(done("w", {{.entry_id = id, .bytes = bytes}}), "[OK, 0]");
  EXPECT_EQ(command({"XRANGE", keys.ready[1], "-", "+"}), waiting);
}

TEST_F(FinishFunctionTest, CountsAnEnvelopeThatIsNamedTwiceOnce) {
  const Leased leased = lease_one("w", 2);
  EXPECT_EQ(done("w", {leased, leased}), "[OK, 1]");
  EXPECT_EQ(books().done, 2);
}

}  // namespace
}  // namespace ferry::test
