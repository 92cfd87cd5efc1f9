#include "fault/harness/ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ferry::fault {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

JobId id_of(std::uint8_t number) {
  JobId id;
  id.bytes[15] = number;
  id.bytes[0] = 1;
  return id;
}

/// Ten jobs, each accepted and run once; all is well.
class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() {
    for (std::uint8_t i = 0; i < 10; ++i) {
      evidence.claims.push_back({i, id_of(i), Fate::accepted});
      evidence.effects.push_back({i, id_of(i), 1000 + i, 1, 0});
    }
    evidence.books.accepted = 10;
    evidence.books.done = 10;
  }
  Ledger settled() { return settle_accounts(evidence, bounds); }

  Evidence evidence;
  Bounds bounds;
};

TEST_F(LedgerTest, FindsNothingWhereNothingIsWrong) {
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.accepted, 10U);
  EXPECT_EQ(ledger.effects, 10U);
  EXPECT_EQ(ledger.stored, 10U);
  EXPECT_EQ(ledger.books_off, 0);
  EXPECT_THAT(ledger.broken, IsEmpty());
}

TEST_F(LedgerTest, CountsAnAcceptedJobWithoutAnEffectAsLost) {
  evidence.effects.erase(evidence.effects.begin() + 4);
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.lost, 1U);
  ASSERT_FALSE(ledger.broken.empty());
  EXPECT_THAT(ledger.broken, ::testing::Contains(HasSubstr("1 accepted jobs are lost")));
}

TEST_F(LedgerTest, ADeadLetterIsNotLost) {
  evidence.effects.erase(evidence.effects.begin() + 4);
  evidence.dead = {id_of(4)};
  evidence.books.done = 9;
  evidence.books.dead = 1;
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.lost, 0U);
  EXPECT_EQ(ledger.dead, 1U);
  EXPECT_THAT(ledger.broken, IsEmpty());
}

TEST_F(LedgerTest, ADeadLetterThatRanIsCountedOnce) {
  evidence.dead = {id_of(4)};  // ran, was not told, and was then running in workers that died
  evidence.books.done = 9;
  evidence.books.dead = 1;
  EXPECT_THAT(settled().broken, IsEmpty());
}

TEST_F(LedgerTest, CountsOneNumberUnderTwoIdsAsEnqueuedTwice) {
  evidence.effects.push_back({4, id_of(77), 2000, 1, 0});
  evidence.books.accepted = evidence.books.done = 11;  // Redis itself sees nothing wrong
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.enqueued_twice, 1U);
  EXPECT_EQ(ledger.run_again, 0U);
  EXPECT_EQ(ledger.broken.size(), 1U);
}

TEST_F(LedgerTest, CountsTwoRunsOfOneIdAsRunAgainAndAllowsThem) {
  evidence.effects.push_back({4, id_of(4), 2000, 1, 1});
  evidence.effects.push_back({4, id_of(4), 3000, 1, 1});
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.run_again, 1U);
  EXPECT_EQ(ledger.effects, 12U);
  EXPECT_EQ(ledger.enqueued_twice, 0U);
  EXPECT_THAT(ledger.broken, IsEmpty());
}

TEST_F(LedgerTest, MoreRunsThanTheBoundAreABrokenPromise) {
  evidence.effects.push_back({4, id_of(4), 2000, 1, 1});
  bounds.run_again_percent = 9.9;
  EXPECT_EQ(settled().broken.size(), 1U);
  bounds.run_again_percent = 10;
  EXPECT_THAT(settled().broken, IsEmpty());
}

TEST_F(LedgerTest, ARunUnderAnotherIdThanTheProducersIsWrong) {
  evidence.effects[4].id = id_of(99);
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.wrong_id, 1U);
  EXPECT_EQ(ledger.broken.size(), 1U);
}

TEST_F(LedgerTest, WhatADeadProducerNeverHeardOfIsUnknownAndNotLost) {
  evidence.claims.erase(evidence.claims.begin() + 9);         // stored, and the producer died
  evidence.claims.push_back({50, id_of(50), Fate::unknown});  // not stored
  evidence.claims[3].fate = Fate::unknown;                    // stored
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.accepted, 8U);
  EXPECT_EQ(ledger.unknown, 2U);
  EXPECT_EQ(ledger.unknown_stored, 2U);
  EXPECT_THAT(ledger.broken, IsEmpty());
}

TEST_F(LedgerTest, AJobThatRanAlthoughItWasRefusedIsABrokenPromise) {
  evidence.claims[3].fate = Fate::refused;
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.refused_yet_stored, 1U);
  EXPECT_EQ(ledger.broken.size(), 1U);
}

TEST_F(LedgerTest, BooksThatCountOneMoreThanTheRecordsAreOff) {
  evidence.books.done = 11;
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.books_off, 1);
  EXPECT_EQ(ledger.broken.size(), 1U);
}

TEST_F(LedgerTest, WhatIsLeftInTheQueueIsNotExact) {
  evidence.books.leased = 2;
  EXPECT_EQ(settled().books_off, 2);
}

TEST_F(LedgerTest, ReportedLossesAndViolationsAreBrokenPromises) {
  evidence.claims.push_back({3, {}, Fate::reported});
  evidence.violations = {"the books do not balance"};
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.reported_lost_calls, 3U);
  EXPECT_EQ(ledger.accepted, 10U);
  EXPECT_EQ(ledger.broken.size(), 2U);
}

TEST_F(LedgerTest, ARunWithoutJobsShowsNothing) {
  evidence = {};
  EXPECT_EQ(settled().broken.size(), 1U);
}

TEST_F(LedgerTest, MeasuresFromADeathToTheNextRunOfWhatWasHeld) {
  evidence.deaths = {{500'000, {id_of(1), id_of(2), id_of(3)}}};
  evidence.effects[1].at_us = 1'500'000;
  evidence.effects[2].at_us = 3'500'000;
  evidence.effects[3].at_us = 400'000;  // ran and was told before the death
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.recovery_ms.count, 2U);
  EXPECT_EQ(ledger.recovery_ms.p50, 1000);
  EXPECT_EQ(ledger.recovery_ms.max, 3000);
}

TEST_F(LedgerTest, CountsFromTheLastDeathWhenTwoHoldersDie) {
  evidence.deaths = {{500'000, {id_of(1)}}, {2'000'000, {id_of(1)}}};
  evidence.effects[1].at_us = 4'000'000;
  const Ledger ledger = settled();
  EXPECT_EQ(ledger.held_by_two_dying, 1U);
  EXPECT_EQ(ledger.recovery_ms.count, 1U);
  EXPECT_EQ(ledger.recovery_ms.max, 2000);
}

TEST_F(LedgerTest, ASlowRecoveryIsABrokenPromiseWhereOneWasGiven) {
  evidence.deaths = {{0, {id_of(1)}}};
  evidence.effects[1].at_us = 5'001'000;
  EXPECT_THAT(settled().broken, IsEmpty());
  bounds.recovery_p99_ms = 5000;
  EXPECT_EQ(settled().broken.size(), 1U);
}

}  // namespace
}  // namespace ferry::fault
