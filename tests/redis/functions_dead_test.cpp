#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

class DeadFunctionTest : public FunctionsTest {
 protected:
  /// Lets one job die; returns its envelope among the dead letters.
  std::string let_one_die(Priority priority = Priority::normal) {
    const Leased leased = lease_one("w", 1, priority);
    const std::string letter = one_of(leased.bytes, 0);
    EXPECT_EQ(settle("w", leased, {}, {}, {{0, "f", 0, letter}}), "[OK, 1, 1]");
    return letter;
  }

  std::string retry(const std::vector<std::string>& arguments) {
    return fcall("dead_retry", with_streams({keys.state, keys.dead, keys.parked}), arguments);
  }

  std::string drop(const std::vector<std::string>& names) {
    return fcall("dead_drop", {keys.state, keys.dead, keys.parked}, names);
  }
};

TEST_F(DeadFunctionTest, PutsDeadLettersBackToTheStreamsTheyCameFrom) {
  const std::string urgent = let_one_die(Priority::high);
  const std::string slow = let_one_die(Priority::low);
  EXPECT_EQ(retry({name_of(urgent, Priority::high), urgent, name_of(slow, Priority::low), slow}),
            "2");
  EXPECT_EQ(books().dead, 0);
  EXPECT_EQ(books().ready, 2);
  EXPECT_EQ(fetch("w", 10, Priority::high).at(0).bytes, urgent);
  EXPECT_EQ(fetch("w", 10, Priority::low).at(0).bytes, slow);
}

TEST_F(DeadFunctionTest, PassesOverWhatIsNoDeadLetter) {
  const std::string letter = let_one_die();
  const std::string delayed = envelope();
  enqueue({{delayed, Priority::normal, 60'000}});
  EXPECT_EQ(retry({name_of(letter), letter}), "1");
  EXPECT_EQ(retry({name_of(letter), letter, name_of(delayed), delayed}), "0");
  EXPECT_EQ(drop({name_of(letter), name_of(delayed)}), "0");
  EXPECT_EQ(books().delayed, 1);
}

TEST_F(DeadFunctionTest, RefusesAWrongEnvelopeBeforeItMovesAnything) {
  const std::string first = let_one_die();
  const std::string second = let_one_die();
  EXPECT_TRUE(retry({name_of(first), first, name_of(second), "hello"})
                  .starts_with("error FERRYBAD envelope 2 "));
  EXPECT_TRUE(retry({name_of(first), first, name_of(second)}).starts_with("error FERRYBAD"));
  EXPECT_EQ(retry({name_of(first), first, name_of(second), envelope(2)}),
            "error FERRYBAD envelope 2 has 2 jobs, not as its dead letter; nothing was changed");
  EXPECT_EQ(books().dead, 2);
}

// A stream that takes no more ids used to swallow a letter with each try.
TEST_F(DeadFunctionTest, LosesNoLetterWhereItsStreamTakesNoMoreEntries) {
  const std::string normal = let_one_die();
  const std::string urgent = let_one_die(Priority::high);
  command({"XADD", keys.ready[0], "18446744073709551615-18446744073709551615", "e", "x"});
  EXPECT_TRUE(retry({name_of(normal), normal, name_of(urgent, Priority::high), urgent})
                  .starts_with("error ERR The stream has exhausted the last possible ID"));
  EXPECT_EQ(books().dead, 2);
  EXPECT_EQ(command({"XLEN", keys.ready[1]}), "0") << "what was stored before is taken out again";
  EXPECT_EQ(retry({name_of(normal), normal}), "1");
  command({"DEL", keys.ready[0]});
}

TEST_F(DeadFunctionTest, PassesOverWhatHasNotTheFormOfAName) {
  const std::string letter = let_one_die();
  const std::string name = name_of(letter);
  for (const std::string& odd : {std::string("zzz"), std::string(), "3" + name.substr(1),
                                 name + "0", "1:" + name.substr(3)}) {
    command({"ZADD", keys.dead, "1", odd});
    EXPECT_EQ(retry({odd, letter}), "0") << odd;
    EXPECT_EQ(drop({odd}), "0") << odd;
    command({"ZREM", keys.dead, odd});
  }
  EXPECT_EQ(retry({"zzz", letter, name, letter, name, letter}), "1");
}

TEST_F(DeadFunctionTest, TellsOfALetterWithoutBytes) {
  const std::string letter = let_one_die();
  const std::string lost = let_one_die();
  command({"HDEL", keys.parked, name_of(lost)});
  EXPECT_EQ(retry({name_of(letter), letter, name_of(lost), lost}),
            "error FERRYBAD dead letter 2 (" + name_of(lost) +
                ") has no bytes: drop it; nothing was changed");
  EXPECT_EQ(books().dead, 2);
  EXPECT_EQ(drop({name_of(lost)}), "1") << "of which nothing more is known";
  EXPECT_EQ(retry({name_of(letter), letter}), "1");
}

TEST_F(DeadFunctionTest, CountsDroppedDeadLettersAsCancelled) {
  const std::string letter = let_one_die();
  const Leased leased = lease_one("w", 3);
  const std::string whole = wire::wrap_opaque(
      leased.bytes, 3, wire::decode_head(leased.bytes)->first_id, {"broken", 1, 0});
  bury("w", leased, whole);
  EXPECT_EQ(drop({name_of(letter), name_of(leased.bytes)}), "4");
  EXPECT_EQ(drop({name_of(letter)}), "0");
  EXPECT_EQ(books().cancelled, 4);
  EXPECT_EQ(command({"EXISTS", keys.dead, keys.parked}), "0");
}

}  // namespace
}  // namespace ferry::test
