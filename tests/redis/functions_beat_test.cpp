// The beat, and the keeper of a queue.

#include <functional>

#include "support/beat_fixture.hpp"

namespace ferry::test {
namespace {

class BeatFunctionTest : public BeatTest {};

TEST_F(BeatFunctionTest, TellsAWorkerThatItLivesWhetherTheQueueIsPausedAndTheTime) {
  register_worker("w");
  EXPECT_EQ(beat("w", "0"), "[OK, 0, 0, , 0, 1700000000000, 0, []]");
  fcall("pause", {keys.control}, {"1"});
  pass(5);
  EXPECT_EQ(beat("w", "0"), "[OK, 1, 0, , 0, 1700000000005, 0, []]");
  EXPECT_EQ(command({"HGET", keys.workers, "w"}), "1700000000005");
  look("w");
  EXPECT_EQ(beat("w", "1"), "[OK, 1, 0, , 1, 1700000000005, 1, []]");
}

TEST_F(BeatFunctionTest, IsOnlyForWorkersThatAreRegistered) {
  EXPECT_EQ(beat("nobody"), "[STALE]");
  EXPECT_EQ(look("nobody"), "[STALE]");
  EXPECT_EQ(books().workers, 0);
}

TEST_F(BeatFunctionTest, RefusesALeaseThatIsNone) {
  register_worker("w");
  pass(10);
  for (const char* wrong : {"0", "-1", "1.5", "x", "", "nan", "inf", "86400001", "1e300"}) {
    const std::string refusal =
        "error FERRYBAD the lease is '" + std::string(wrong) + "', expected";
    EXPECT_TRUE(beat("w", "1", wrong).starts_with(refusal)) << wrong;
    EXPECT_TRUE(fcall("look", with_streams({keys.workers}), {"w", wrong}).starts_with(refusal));
  }
  EXPECT_TRUE(fcall("beat", {keys.control, keys.workers}, {"w"}).starts_with("error FERRYBAD"));
  EXPECT_EQ(command({"HGET", keys.workers, "w"}), "1700000000000") << "nothing was changed";
  for (const char* right : {"86400000", "1"}) {
    EXPECT_EQ(beat("w", "0", right), "[OK, 0, 0, , 0, 1700000000010, 0, []]");
  }
}

TEST_F(BeatFunctionTest, HasOneKeeperAmongThoseThatWouldBe) {
  for (const char* worker : {"a", "b", "c"}) register_worker(worker);
  EXPECT_EQ(beat("a", "0"), "[OK, 0, 0, , 0, 1700000000000, 0, []]") << "it does not want to";
  EXPECT_TRUE(keeps("b"));
  for (int i = 0; i < 10; ++i) {
    pass(lease / 2);
    EXPECT_FALSE(keeps("a"));
    EXPECT_FALSE(keeps("c"));
    EXPECT_TRUE(keeps("b"));
  }
}

TEST_F(BeatFunctionTest, HasAnotherKeeperWhenTheOneGivesUpLeavesOrIsSilent) {
  struct Case {
    const char* how;
    std::function<void()> end;
    bool at_once;
  };
  const Case cases[] = {
      {"gives up", [&] { beat("a", "0"); }, true},
      {"leaves",
       [&] {
         fcall("leave", with_streams({keys.control, keys.workers}), {"a"});
       },
       true},
      {"another leaves",
       [&] {
         fcall("leave", {keys.control, keys.workers}, {"c"});
       },
       false},
      {"is silent for its patience", [&] { pass(lease); }, false},
      {"is silent for longer", [&] { pass(lease + 1); }, true},
      {"the clock goes back", [&] { pass(-1); }, true},
      {"the library loses its tables", [&] { load_with_clock(*connection); }, true}};
  for (const Case& one : cases) {
    begin_anew();
    register_worker("a");
    register_worker("b");
    EXPECT_TRUE(keeps("a"));
    EXPECT_FALSE(keeps("b"));
    one.end();
    EXPECT_EQ(keeps("b"), one.at_once) << one.how;
    register_worker("a");
    EXPECT_EQ(keeps("a"), !one.at_once) << one.how;
  }
}

TEST_F(BeatFunctionTest, WaitsForASilentKeeperTwoSecondsAtMost) {
  register_worker("a");
  register_worker("b");
  EXPECT_TRUE(keeps("a", "60000"));
  pass(2000);
  EXPECT_FALSE(keeps("b", "60000"));
  pass(1);
  EXPECT_TRUE(keeps("b", "60000"));
}

}  // namespace
}  // namespace ferry::test
