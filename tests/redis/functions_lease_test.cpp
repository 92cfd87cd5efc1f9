#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

// Short enough to wait for, long enough that a busy machine still renews in time.
constexpr int lease_ms = 150;

class LeaseFunctionTest : public FunctionsTest {
 protected:
  std::string pending_of(const std::string& worker) {
    return show(
        connection->call({"XPENDING", keys.ready[1], group_name, "-", "+", "10", worker})->root());
  }

  std::string mark(const std::vector<std::string>& arguments) {
    return fcall("start", with_streams({keys.workers, keys.progress}), arguments);
  }
};

TEST_F(LeaseFunctionTest, RegistersAWorkerAndMakesTheGroups) {
  EXPECT_EQ(register_worker("w"), "[OK, 0]");
  for (const std::string& stream : keys.ready) EXPECT_EQ(command({"EXISTS", stream}), "1");
  EXPECT_EQ(register_worker("w"), "[OK, 0]") << "a repeated call, after a lost reply";
  EXPECT_EQ(books().workers, 1);
}

TEST_F(LeaseFunctionTest, GivesWorkersWhatWasStoredBeforeTheGroupWasMade) {
  enqueue({{envelope()}});
  register_worker("w");
  EXPECT_EQ(fetch("w").size(), 1u);
}

TEST_F(LeaseFunctionTest, RefusesToRegisterWhereAKeyIsNoStream) {
  command({"SET", keys.ready[1], "not a stream"});
  EXPECT_TRUE(register_worker("w").starts_with("error WRONGTYPE"));
  EXPECT_EQ(command({"EXISTS", keys.workers}), "0");
  command({"DEL", keys.ready[1]});
}

TEST_F(LeaseFunctionTest, TellsWorkersThatTheQueueIsPaused) {
  EXPECT_EQ(fcall("pause", {keys.control}, {"1"}), "OK");
  EXPECT_EQ(register_worker("w"), "[OK, 1]");
  EXPECT_EQ(renew("w"), "[OK, 1]");
  EXPECT_EQ(books().paused, 1);
  EXPECT_EQ(fcall("pause", {keys.control}, {"0"}), "OK");
  EXPECT_EQ(renew("w"), "[OK, 0]");
}

TEST_F(LeaseFunctionTest, RenewsOnlyRegisteredWorkers) {
  EXPECT_EQ(renew("nobody"), "[STALE]");
  EXPECT_EQ(books().workers, 0);
}

TEST_F(LeaseFunctionTest, LetsAWorkerLeaveWithoutATrace) {
  const Leased leased = lease_one("w", 1);
  done("w", {leased});
  EXPECT_EQ(fcall("leave", with_streams({keys.state, keys.workers}), {"w"}), "0");
  EXPECT_EQ(books().workers, 0);
  EXPECT_EQ(command({"XINFO", "CONSUMERS", keys.ready[1], group_name}), "[]");
}

TEST_F(LeaseFunctionTest, CountsWhatALeavingWorkerStillHolds) {
  register_worker("w");
  enqueue({{envelope(3)}, {envelope(2)}, {envelope(), Priority::high}});
  fetch("w");
  fetch("w", 10, Priority::high);
  EXPECT_EQ(fcall("leave", with_streams({keys.state, keys.workers}), {"w"}), "3");
  EXPECT_EQ(books().leased, 3) << "nothing may be lost with the worker";
  EXPECT_EQ(renew("w"), "[STALE]");
}

TEST_F(LeaseFunctionTest, LeavesAQueueThatWasNeverUsed) {
  EXPECT_EQ(fcall("leave", with_streams({keys.state, keys.workers}), {"w"}), "0");
}

TEST_F(LeaseFunctionTest, OnlyARegisteredWorkerReclaims) {
  EXPECT_EQ(show(reclaim_reply("nobody", lease_ms)->root()), "[STALE]");
}

TEST_F(LeaseFunctionTest, ReclaimsNothingInTheFirstLease) {
  lease_one("gone", 1);
  command({"HSET", keys.workers, "gone", "1"});  // silent since 1970
  register_worker("w");
  EXPECT_EQ(show(reclaim_reply("w", 60'000)->root()), "[OK]");
  EXPECT_EQ(show(reclaim_reply("w", 60'000)->root()), "[OK]");
  EXPECT_EQ(renew("gone"), "[OK, 0]") << "it had time to come back";
}

TEST_F(LeaseFunctionTest, ReclaimsFromAWorkerThatFellSilent) {
  const Leased lost = lease_one("gone", 3);
  register_worker("w");
  const std::vector<Leased> taken = reclaim("w", lease_ms);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].entry_id, lost.entry_id);
  EXPECT_EQ(taken[0].bytes, lost.bytes);
  EXPECT_EQ(taken[0].progress, "");
  EXPECT_EQ(taken[0].priority, Priority::normal);
  EXPECT_EQ(pending_of("gone"), "[]");
  EXPECT_EQ(books().workers, 1);
  EXPECT_EQ(done("w", taken), "[OK, 1]");
}

TEST_F(LeaseFunctionTest, CountsADeliveryMoreForWhatWasReclaimed) {
  lease_one("gone", 1);
  register_worker("w");
  ASSERT_EQ(reclaim("w", lease_ms).size(), 1u);
  const redis::ReplyPtr pending =
      connection->call({"XPENDING", keys.ready[1], group_name, "-", "+", "1"});
  EXPECT_EQ(pending->root()[0][3].integer, 2);
}

TEST_F(LeaseFunctionTest, HandsProgressOverWithTheEnvelope) {
  const Leased lost = lease_one("gone", 3);
  settle("gone", lost, {1});
  register_worker("w");
  const std::vector<Leased> taken = reclaim("w", lease_ms);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].progress, ".x.");
  EXPECT_EQ(done("w", taken), "[OK, 1]");
  EXPECT_EQ(books().done, 3);
}

TEST_F(LeaseFunctionTest, OffersWhatWasPutOffToEveryReclaimWithItsProgress) {
  const Leased unreadable = lease_one("older", 3);
  settle("older", unreadable, {1});
  const auto put_off = [&](const std::string& worker, const std::string& id) {
    return fcall("put_off", {keys.workers, keys.ready[1]}, {worker, id});
  };
  EXPECT_EQ(put_off("stranger", unreadable.entry_id), "[STALE]");
  register_worker("newer");
  EXPECT_EQ(put_off("newer", unreadable.entry_id), "[OK, 0]") << "it is another's";
  EXPECT_TRUE(put_off("older", "nonsense").starts_with("error FERRYBAD"));
  EXPECT_EQ(put_off("older", unreadable.entry_id), "[OK, 1]");
  EXPECT_EQ(put_off("older", unreadable.entry_id), "[OK, 0]") << "a repeated call";
  EXPECT_EQ(pending_of("older"), "[]");
  EXPECT_EQ(books().workers, 2) << "it is no worker that holds it";

  const std::vector<Leased> taken = reclaim("newer", lease_ms, {"older"});
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].entry_id, unreadable.entry_id);
  EXPECT_EQ(taken[0].progress, ".x.");
  EXPECT_EQ(done("newer", taken), "[OK, 1]");
  EXPECT_EQ(books().done, 3);
}

// What was claimed in a call that then failed was nobody's until its new owner died.
TEST_F(LeaseFunctionTest, TakesNothingWhereItCannotReadTheProgress) {
  lease_one("gone", 1);
  register_worker("w");
  command({"SET", keys.progress, "no hash"});
  std::string reply;
  ASSERT_TRUE(eventually([&] {
    renew("w");
    reply = show(reclaim_reply("w", lease_ms)->root());
    return reply != "[OK]";
  }));
  EXPECT_TRUE(reply.starts_with("error WRONGTYPE")) << reply;
  EXPECT_EQ(pending_of("w"), "[]");
  EXPECT_EQ(books().workers, 2) << "nobody is struck off without its envelopes being taken";
  command({"DEL", keys.progress});
  EXPECT_EQ(reclaim("w", lease_ms).size(), 1u);
}

TEST_F(LeaseFunctionTest, TakesAHeartbeatThatIsNoNumberForOneOfThisMoment) {
  for (const std::string_view value : {"abc", "", "nan", "1e400"}) {
    const std::string worker = "odd" + std::string(value);
    lease_one(worker, 1);
    register_worker("w");
    command({"HSET", keys.workers, worker, value});
    EXPECT_EQ(reclaim("w", lease_ms).size(), 1u) << value;
    EXPECT_EQ(renew(worker), "[STALE]");
  }
}

TEST_F(LeaseFunctionTest, TakesNothingFromAWorkerThatRenews) {
  lease_one("alive", 1);
  lease_one("gone", 1);
  register_worker("w");
  const std::vector<Leased> taken = reclaim("w", lease_ms, {"alive"});
  EXPECT_EQ(taken.size(), 1u);
  EXPECT_EQ(renew("alive"), "[OK, 0]");
  EXPECT_EQ(books().leased, 2);
}

TEST_F(LeaseFunctionTest, ChangesNothingForAWorkerThatWasStruckOff) {
  const Leased lost = lease_one("gone", 2);
  register_worker("w");
  const std::vector<Leased> taken = reclaim("w", lease_ms);
  ASSERT_EQ(taken.size(), 1u);
  const auto before = show(connection->call({"XRANGE", keys.ready[1], "-", "+"})->root());
  const Books books_before = books();

  EXPECT_EQ(renew("gone"), "[STALE]");
  EXPECT_EQ(done("gone", {lost}), "[STALE]");
  EXPECT_EQ(settle("gone", lost, {0}, {1}), "[STALE]");
  EXPECT_EQ(settle("gone", lost, {}, {}, {{0, "f", 0, one_of(lost.bytes, 0)}}), "[STALE]");
  EXPECT_EQ(bury("gone", lost, envelope()), "[STALE]");
  EXPECT_EQ(release("gone", {lost}), "[STALE]");
  EXPECT_EQ(mark({"gone", "1:" + lost.entry_id, "2", "0"}), "STALE");
  EXPECT_EQ(show(reclaim_reply("gone", lease_ms)->root()), "[STALE]");

  EXPECT_EQ(show(connection->call({"XRANGE", keys.ready[1], "-", "+"})->root()), before);
  EXPECT_EQ(books().ready, books_before.ready);
  EXPECT_EQ(books().done, 0);
  EXPECT_EQ(command({"EXISTS", keys.progress, keys.dead}), "0");
  EXPECT_EQ(done("w", taken), "[OK, 1]") << "the new owner is not disturbed";
}

TEST_F(LeaseFunctionTest, TakesAtMostWhatWasAskedForAndTheRestLater) {
  register_worker("gone");
  enqueue({{envelope()}, {envelope()}, {envelope()}, {envelope(), Priority::high}});
  fetch("gone");
  fetch("gone", 10, Priority::high);
  register_worker("w");
  redis::ReplyPtr first;
  ASSERT_TRUE(eventually([&] {
    renew("w");
    first = reclaim_reply("w", lease_ms, 2);
    return first->root().size > 1;
  }));
  EXPECT_EQ(first->root().size, 3u);
  EXPECT_EQ(first->root()[1][0].integer, 4) << "the most urgent stream first";
  const redis::ReplyPtr second = reclaim_reply("w", lease_ms, 200);
  EXPECT_EQ(second->root().size, 3u);
}

TEST_F(LeaseFunctionTest, TakesAtOnceWhatALeavingWorkerLeftBehind) {
  register_worker("w");
  ASSERT_TRUE(eventually([&] {  // the grace after the start of the watch
    renew("w");
    reclaim_reply("w", lease_ms);
    lease_one("gone", 1);
    return !reclaim("w", lease_ms).empty();
  }));
  lease_one("leaving", 1);
  fcall("leave", with_streams({keys.state, keys.workers}), {"leaving"});
  renew("w");
  EXPECT_EQ(reclaim_reply("w", lease_ms)->root().size, 2u);
}

TEST_F(LeaseFunctionTest, ForgetsTheConsumersOfDeadWorkers) {
  lease_one("holding", 1);
  const Leased settled = lease_one("idle", 1);
  done("idle", {settled});
  register_worker("w");
  reclaim("w", lease_ms);
  ASSERT_TRUE(eventually([&] {
    renew("w");
    reclaim_reply("w", lease_ms);
    return books().workers == 1;
  }));
  const redis::ReplyPtr consumers =
      connection->call({"XINFO", "CONSUMERS", keys.ready[1], group_name});
  ASSERT_EQ(consumers->root().size, 1u);
  EXPECT_EQ(consumers->root()[0][1].text, "w");
}

TEST_F(LeaseFunctionTest, SetsTheHeartbeatRightWhenTheClockWentBack) {
  lease_one("ahead", 1);
  register_worker("w");
  command({"HSET", keys.workers, "ahead", "99999999999999"});
  const std::vector<Leased> taken = reclaim("w", lease_ms);
  EXPECT_EQ(taken.size(), 1u) << "a heartbeat from the future must not keep a lease for ever";
}

TEST_F(LeaseFunctionTest, CountsHowOftenASuspectWasStarted) {
  const Leased leased = lease_one("w", 3);
  const std::string field = "1:" + leased.entry_id;
  EXPECT_EQ(mark({"w", field, "3", "1"}), "OK");
  EXPECT_EQ(command({"HGET", keys.progress, field}), ".1.");
  EXPECT_EQ(mark({"w", field, "3", "1", field, "3", "2"}), "OK");
  EXPECT_EQ(command({"HGET", keys.progress, field}), ".21");
  for (int i = 0; i < 12; ++i) mark({"w", field, "3", "1"});
  EXPECT_EQ(command({"HGET", keys.progress, field}), ".91");
}

TEST_F(LeaseFunctionTest, DoesNotMarkASettledJobAsStarted) {
  const Leased leased = lease_one("w", 2);
  settle("w", leased, {0});
  EXPECT_EQ(mark({"w", "1:" + leased.entry_id, "2", "0"}), "OK");
  EXPECT_EQ(command({"HGET", keys.progress, "1:" + leased.entry_id}), "x.");
}

TEST_F(LeaseFunctionTest, LeavesNoMarkOnWhatTheWorkerDoesNotHold) {
  const Leased leased = lease_one("w", 2);
  const std::string field = "1:" + leased.entry_id;
  register_worker("other");
  EXPECT_EQ(mark({"other", field, "2", "0"}), "OK");
  EXPECT_EQ(done("w", {leased}), "[OK, 1]");
  EXPECT_EQ(mark({"w", field, "2", "0"}), "OK") << "a copy of the call that arrives late";
  EXPECT_EQ(command({"EXISTS", keys.progress}), "0");
}

TEST_F(LeaseFunctionTest, LetsWorkersOfBeforeStartWithoutNamingTheStreams) {
  const Leased leased = lease_one("w", 2);
  const std::string field = "1:" + leased.entry_id;
  EXPECT_EQ(fcall("start", {keys.workers, keys.progress}, {"w", field, "2", "1"}), "OK");
  EXPECT_EQ(command({"HGET", keys.progress, field}), ".1");
}

TEST_F(LeaseFunctionTest, RefusesAnIndexBeyondTheEnvelopeBeforeItMarksAnything) {
  const Leased leased = lease_one("w", 2);
  const std::string field = "1:" + leased.entry_id;
  EXPECT_TRUE(mark({"w", field, "2", "0", field, "2", "2"}).starts_with("error FERRYBAD"));
  EXPECT_TRUE(mark({"w", field, "2", "0", "here", "2", "1"}).starts_with("error FERRYBAD"));
  EXPECT_EQ(command({"EXISTS", keys.progress}), "0");
}

}  // namespace
}  // namespace ferry::test
