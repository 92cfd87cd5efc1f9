// When delayed envelopes are moved, how many at once, and what is no delayed envelope.

#include "support/due_fixture.hpp"

namespace ferry::test {
namespace {

class DueFunctionTest : public DueTest {};

TEST_F(DueFunctionTest, PromotesNothingThatIsNotDue) {
  EXPECT_EQ(show(promote()->root()), "[0, -1]");
  enqueue_delayed({envelope(2)}, 60'000);
  const redis::ReplyPtr reply = promote();
  EXPECT_EQ(reply->root()[0].integer, 0);
  EXPECT_GT(reply->root()[1].integer, 0);
  EXPECT_LE(reply->root()[1].integer, 60'000);
  EXPECT_EQ(books().delayed, 2);
}

TEST_F(DueFunctionTest, MovesAtMostWhatWasAskedFor) {
  enqueue_delayed({envelope(), envelope(), envelope()}, 1);
  wait_until_all_are_due();
  EXPECT_EQ(show(promote(2)->root()), "[2, 0]") << "0 ms: the third is due already";
  EXPECT_EQ(show(promote(2)->root()), "[1, -1]");
}

// As workers up to revision 4 do: two arguments, and again while something moved and more is due.
TEST_F(DueFunctionTest, MovesAboutAMegabyteOrOneEnvelopeACallForWorkersOfBefore) {
  struct Case {
    std::size_t bytes, envelopes;
    std::vector<int> moves;  ///< by each call
  };
  for (const bool may_ask_for_sizes : {true, false}) {
    for (const Case& one :
         {Case{300 << 10, 8, {3, 3, 2}}, Case{500 << 10, 3, {2, 1}}, Case{1 << 20, 2, {1, 1}},
          Case{2 << 20, 3, {1, 1, 1}}, Case{100, 600, {500, 100}}}) {
      for (std::size_t i = 0; i < one.envelopes; ++i) {
        enqueue_delayed({envelope(1, std::string(one.bytes, 'x'))}, 1);
      }
      wait_until_all_are_due();
      std::vector<int> moved;
      std::int64_t next = 0;
      while (next == 0) {
        const redis::ReplyPtr reply =
            promote_as(may_ask_for_sizes ? *connection : without("hstrlen"), {"500", "65536"});
        ASSERT_EQ(reply->root().size, 2u) << show(reply->root());
        if (reply->root()[0].integer == 0) break;
        moved.push_back(static_cast<int>(reply->root()[0].integer));
        next = reply->root()[1].integer;
      }
      EXPECT_EQ(moved, one.moves) << one.bytes;
      EXPECT_EQ(next, -1);
      EXPECT_EQ(books().delayed, 0);
    }
  }
}

TEST_F(DueFunctionTest, MovesNothingBeforeWhatWasDueEarlier) {
  for (const std::size_t bytes : {700u << 10, 700u << 10, 10u}) {
    const std::string delayed = envelope(1, std::string(bytes, 'x'));
    enqueue_delayed({delayed}, 1);
    command({"ZADD", keys.due, std::to_string(++in_order_), name_of(delayed)});
  }
  EXPECT_EQ(show(promote()->root()), "[1, 0]");
  EXPECT_EQ(show(promote()->root()), "[2, -1]");
}

TEST_F(DueFunctionTest, LeavesABodyThatIsTooLargeToBeMovedInsideAndNamesTheFirst) {
  const std::vector<std::string> large{envelope(2, std::string(5000, 'l')),
                                       envelope(1, std::string(6000, 'l'))};
  for (const std::string& bytes : {large[0], envelope(1), large[1], envelope(1)}) {
    enqueue_delayed({bytes}, 1);
    command({"ZADD", keys.due, std::to_string(++in_order_), name_of(bytes)});
  }
  wait_until_all_are_due();
  const std::string named = ", 0, " + name_of(large[0]) + ", " + std::to_string(large[0].size());
  EXPECT_EQ(show(promote_as(*connection, {"500", "65536", "5000"})->root()), "[2" + named + "]");
  EXPECT_EQ(show(promote_as(*connection, {"500", "65536", "5000"})->root()), "[0" + named + "]");
  EXPECT_EQ(books().delayed, 3);
  EXPECT_EQ(show(promote_as(*connection, {"1", "65536", "1"})->root()), "[0" + named + "]");
  EXPECT_EQ(show(promote_as(without("hstrlen"), {"500", "65536", "5000"})->root()), "[3, -1]")
      << "a user who may not ask for sizes is served all the same";
}

TEST_F(DueFunctionTest, RefusesWrongNumbers) {
  enqueue_delayed({envelope()}, 1);
  wait_until_all_are_due();
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {"500"},
                                                    {"0", "65536"},
                                                    {"501", "65536"},
                                                    {"-1", "65536"},
                                                    {"1.5", "65536"},
                                                    {"x", "65536"},
                                                    {"nan", "65536"},
                                                    {"500", "-1"},
                                                    {"500", "x"},
                                                    {"500", "1e300"},
                                                    {"500", "65536", "-1"},
                                                    {"500", "65536", "x"},
                                                    {"500", "65536", "inf"},
                                                    {"500", "65536", ""}};
  for (const std::vector<std::string>& words : wrong) {
    EXPECT_TRUE(show(promote_as(*connection, words)->root()).starts_with("error FERRYBAD"))
        << testing::PrintToString(words);
  }
  EXPECT_EQ(books().delayed, 1);
}

// What a reader of today might refuse, and what holds others already, takes nobody along.
// RFC 8878, 3.1.1.1: whether the size is there at all, and where it stands, depends on three
// fields.
TEST_F(DueFunctionTest, RemovesNamesThatNoFunctionParksAndMovesTheOthers) {
  const std::vector<std::string> names{"",
                                       "zzz",
                                       "1:" + std::string(31, 'a'),
                                       "1:" + std::string(33, 'a'),
                                       "3:" + std::string(32, 'a'),
                                       "1-" + std::string(32, 'a'),
                                       "1:" + std::string(32, 'A'),
                                       "1:" + std::string(32, 'g'),
                                       std::string("1:\0", 3) + std::string(31, 'a'),
                                       std::string(100'000, 'n')};
  for (const std::string& name : names) {
    command({"ZADD", keys.due, "1", name});
    command({"HSET", keys.parked, name, envelope()});
  }
  enqueue_delayed({envelope(3)}, 1);
  wait_until_all_are_due();
  EXPECT_EQ(show(promote(static_cast<int>(names.size()))->root()), "[0, 0]");
  EXPECT_EQ(show(promote()->root()), "[3, -1]");
  EXPECT_EQ(command({"EXISTS", keys.due, keys.parked}), "0");
}

TEST_F(DueFunctionTest, TellsWhenTheNextOneIsDueWhateverTimeStandsThere) {
  const std::string name = "1:" + std::string(32, 'a');
  struct Case {
    const char* score;
    const char* next;
  };
  for (const Case& one : {Case{"+inf", "31622400000"}, Case{"1e300", "31622400000"},
                          Case{"99999999999999", "31622400000"}}) {
    command({"ZADD", keys.due, one.score, name});
    EXPECT_EQ(show(promote()->root()), "[0, " + std::string(one.next) + "]") << one.score;
  }
  for (const char* score : {"-inf", "-1e300", "-5", "0", "0.5"}) {
    command({"ZADD", keys.due, score, name});
    EXPECT_EQ(show(promote()->root()), "[0, -1]") << score;
  }
}

TEST_F(DueFunctionTest, PassesOverANameWithoutBytes) {
  command({"ZADD", keys.due, "1", "1:" + std::string(32, '0')});
  EXPECT_EQ(show(promote()->root()), "[0, -1]");
  EXPECT_EQ(command({"EXISTS", keys.due}), "0");
}

TEST_F(DueFunctionTest, ForgetsProducersThatWereSilentForLong) {
  enqueue_at(1, {{envelope()}}, {}, "new");
  command({"HSET", keys.producers, "old", "7:1000"});
  EXPECT_EQ(fcall("expire_producers", {keys.producers}, {"0", "3600000"}), "[0, 1]");
  EXPECT_EQ(command({"HKEYS", keys.producers}), "[new]");
  EXPECT_EQ(fcall("expire_producers", {keys.producers}, {"0", "3600000"}), "[0, 0]");
}

}  // namespace
}  // namespace ferry::test
