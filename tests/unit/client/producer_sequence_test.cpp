#include "client/producer_sequence.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ferry::detail {
namespace {

using Step = ProducerSequence::Step;
using Kind = EnqueueReply::Kind;

EnqueueReply reply(Kind kind, std::int64_t last_sequence = 0) {
  EnqueueReply made;
  made.kind = kind;
  made.last_sequence = last_sequence;
  return made;
}

class ProducerSequenceTest : public ::testing::Test {
 protected:
  void store(int calls) {
    for (int i = 0; i < calls; ++i) sequence.on_reply(reply(Kind::ok));
  }

  int made = 0;
  ProducerSequence sequence{[this] { return "producer" + std::to_string(++made); }};
};

TEST_F(ProducerSequenceTest, BeginsWithOneUnderAnIdOfItsOwn) {
  EXPECT_EQ(sequence.producer(), "producer1");
  EXPECT_EQ(sequence.sequence(), 1);
  EXPECT_FALSE(sequence.may_be_stored());
}

TEST_F(ProducerSequenceTest, MovesOnWhenACallIsStored) {
  const auto decision = sequence.on_reply(reply(Kind::ok));
  EXPECT_EQ(decision.step, Step::stored);
  EXPECT_EQ(decision.lost_calls, 0);
  EXPECT_EQ(sequence.sequence(), 2);
  EXPECT_EQ(sequence.producer(), "producer1");
}

TEST_F(ProducerSequenceTest, RepeatsTheSameSequenceAfterALostReply) {
  store(3);
  sequence.on_connection_lost();
  EXPECT_TRUE(sequence.may_be_stored());
  EXPECT_EQ(sequence.sequence(), 4);
  EXPECT_EQ(sequence.producer(), "producer1");
}

TEST_F(ProducerSequenceTest, TakesADuplicateAfterALostReplyAsStored) {
  store(3);
  sequence.on_connection_lost();
  EXPECT_EQ(sequence.on_reply(reply(Kind::dup)).step, Step::stored_before);
  EXPECT_EQ(sequence.sequence(), 5);
  EXPECT_FALSE(sequence.may_be_stored());
}

TEST_F(ProducerSequenceTest, StoresTheRepeatedCallWhenTheFirstSendingNeverArrived) {
  sequence.on_connection_lost();
  EXPECT_EQ(sequence.on_reply(reply(Kind::ok)).step, Step::stored);
  EXPECT_EQ(sequence.sequence(), 2);
  EXPECT_FALSE(sequence.may_be_stored());
}

TEST_F(ProducerSequenceTest, NeverTakesAFirstSendingForADuplicate) {
  store(3);
  EXPECT_EQ(sequence.on_reply(reply(Kind::dup)).step, Step::send_again);
  EXPECT_EQ(sequence.producer(), "producer2");
  EXPECT_EQ(sequence.sequence(), 1);
}

TEST_F(ProducerSequenceTest, ReportsTheCallsThatAGapShowsAsLostAndStartsOver) {
  store(9);
  const auto decision = sequence.on_reply(reply(Kind::gap, 6));
  EXPECT_EQ(decision.step, Step::send_again);
  EXPECT_EQ(decision.lost_calls, 3);
  EXPECT_EQ(sequence.producer(), "producer2");
  EXPECT_EQ(sequence.sequence(), 1);
}

TEST_F(ProducerSequenceTest, KnowsThatAGapAfterALostReplyMeansNotStored) {
  store(2);
  sequence.on_connection_lost();
  const auto decision = sequence.on_reply(reply(Kind::gap, 0));
  EXPECT_EQ(decision.step, Step::send_again);
  EXPECT_EQ(decision.lost_calls, 2);
  EXPECT_FALSE(sequence.may_be_stored());
}

TEST_F(ProducerSequenceTest, KeepsItsSequenceWhileTheQueueIsFull) {
  store(4);
  EXPECT_EQ(sequence.on_reply(reply(Kind::full)).step, Step::wait_for_room);
  EXPECT_EQ(sequence.sequence(), 5);
  EXPECT_EQ(sequence.producer(), "producer1");
}

TEST_F(ProducerSequenceTest, DoesNotTakeFullForTheEndOfASendingWhoseReplyWasLost) {
  sequence.on_connection_lost();
  sequence.on_reply(reply(Kind::full));
  EXPECT_TRUE(sequence.may_be_stored()) << "its bytes may still be on their way";
  sequence.on_given_up();
  EXPECT_EQ(sequence.producer(), "producer2") << "or the next call would pass for it";
}

TEST_F(ProducerSequenceTest, KeepsItsSequenceAfterAnErrorReply) {
  store(1);
  EXPECT_EQ(sequence.on_reply(reply(Kind::error)).step, Step::refused);
  EXPECT_EQ(sequence.sequence(), 2);
  EXPECT_FALSE(sequence.may_be_stored());
}

TEST_F(ProducerSequenceTest, LearnsNothingOfTheFirstSendingFromAnErrorReply) {
  store(1);
  sequence.on_connection_lost();
  sequence.on_reply(reply(Kind::error));  // LOADING, for example
  EXPECT_TRUE(sequence.may_be_stored());
}

TEST_F(ProducerSequenceTest, TakesANewIdAfterGivingUpACallThatMayBeStored) {
  store(1);
  sequence.on_connection_lost();
  sequence.on_given_up();
  EXPECT_EQ(sequence.producer(), "producer2");
  EXPECT_EQ(sequence.sequence(), 1);
  EXPECT_FALSE(sequence.may_be_stored());
}

TEST_F(ProducerSequenceTest, GoesOnAfterGivingUpACallThatIsSurelyNotStored) {
  store(1);
  sequence.on_reply(reply(Kind::full));
  sequence.on_given_up();
  EXPECT_EQ(sequence.producer(), "producer1");
  EXPECT_EQ(sequence.sequence(), 2);
}

TEST_F(ProducerSequenceTest, TrustsNothingAfterAReplyItDoesNotKnow) {
  EXPECT_EQ(sequence.on_reply(reply(Kind::unknown)).step, Step::not_understood);
  EXPECT_TRUE(sequence.may_be_stored());
  sequence.on_given_up();
  EXPECT_EQ(sequence.producer(), "producer2");
}

TEST_F(ProducerSequenceTest, TakesANewIdAfterALongSilenceUnlessACallIsOpen) {
  store(2);
  sequence.on_connection_lost();
  sequence.on_long_silence();
  EXPECT_EQ(sequence.producer(), "producer1");
  sequence.on_reply(reply(Kind::dup));
  sequence.on_long_silence();
  EXPECT_EQ(sequence.producer(), "producer2");
  EXPECT_EQ(sequence.sequence(), 1);
}

TEST(ProducerIdTest, IsSixteenHexCharactersAndDiffersEachTime) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    const std::string id = make_producer_id();
    EXPECT_EQ(id.size(), 16u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 100u);
}

TEST_F(ProducerSequenceTest, TellsTheJobsOfLostCalls) {
  for (const std::size_t jobs : {1, 20, 300}) sequence.on_reply(reply(Kind::ok), jobs);
  const auto decision = sequence.on_reply(reply(Kind::gap, 1), 5);
  EXPECT_EQ(decision.lost_calls, 2);
  EXPECT_EQ(decision.lost_jobs.count, 320);
  EXPECT_TRUE(decision.lost_jobs.exact);
}

TEST_F(ProducerSequenceTest, RepeatsACallThatIsNotConfirmed) {
  store(3);
  EXPECT_EQ(sequence.on_reply(reply(Kind::ok), 1, false).step, Step::unconfirmed);
  EXPECT_TRUE(sequence.is_unconfirmed());
  EXPECT_TRUE(sequence.may_be_stored());
  EXPECT_EQ(sequence.sequence(), 4);
  EXPECT_EQ(sequence.on_reply(reply(Kind::dup), 1, false).step, Step::unconfirmed);
  EXPECT_EQ(sequence.on_reply(reply(Kind::dup), 1, true).step, Step::stored_before);
  EXPECT_EQ(sequence.sequence(), 5);
  EXPECT_FALSE(sequence.may_be_stored());
  EXPECT_FALSE(sequence.is_unconfirmed());
}

TEST_F(ProducerSequenceTest, GoesOnBehindAnUnconfirmedCallThatIsGivenUp) {
  sequence.on_reply(reply(Kind::ok), 7);
  sequence.on_reply(reply(Kind::ok), 10, false);
  sequence.on_given_up();
  EXPECT_EQ(sequence.producer(), "producer1");
  EXPECT_EQ(sequence.sequence(), 3);
  EXPECT_FALSE(sequence.may_be_stored());
  const auto decision = sequence.on_probe(0);
  EXPECT_EQ(decision.lost_calls, 2);
  EXPECT_EQ(decision.lost_jobs.count, 7) << "the other ten were never promised";
}

TEST_F(ProducerSequenceTest, IsUncertainOfAnUnconfirmedCallAfterTheConnectionBroke) {
  sequence.on_reply(reply(Kind::ok), 1, false);
  sequence.on_connection_lost();
  EXPECT_FALSE(sequence.is_unconfirmed());
  EXPECT_TRUE(sequence.may_be_stored());
  sequence.on_given_up();
  EXPECT_EQ(sequence.producer(), "producer2");
}

TEST_F(ProducerSequenceTest, FindsLossesByAsking) {
  store(4);
  EXPECT_EQ(sequence.probe_sequence(), 6);
  EXPECT_EQ(sequence.on_probe(4).lost_calls, 0);
  EXPECT_EQ(sequence.producer(), "producer1");
  const auto decision = sequence.on_probe(1);
  EXPECT_EQ(decision.lost_calls, 3);
  EXPECT_EQ(sequence.producer(), "producer2");
  EXPECT_EQ(sequence.sequence(), 1);
}

TEST_F(ProducerSequenceTest, TakesACallUnderWayForNoLossWhenAsking) {
  store(4);
  sequence.on_connection_lost();  // the fifth: stored or not
  EXPECT_EQ(sequence.on_probe(5).lost_calls, 0);
  EXPECT_EQ(sequence.on_probe(4).lost_calls, 0);
  EXPECT_TRUE(sequence.may_be_stored());
  EXPECT_EQ(sequence.on_probe(3).lost_calls, 1);
  EXPECT_FALSE(sequence.may_be_stored());
}

}  // namespace
}  // namespace ferry::detail
