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
