#include "in_flight.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace ferry::detail {
namespace {

using Clock = std::chrono::steady_clock;

EnvelopePtr envelope(const std::string& entry_id, std::uint64_t epoch, std::size_t jobs = 10) {
  auto made = std::make_shared<LeasedEnvelope>();
  made->id = redis::StreamId::parse(entry_id).value();
  made->epoch = epoch;
  made->count = jobs;
  return made;
}

class InFlightTest : public testing::Test {
 protected:
  void end(const EnvelopePtr& which) {
    const InFlight::Acknowledged ended{which.get(), which->count};
    in_flight.remove({&ended, 1}, Clock::now());
  }

  InFlight in_flight{1000, 1'000'000, {4, 100, 1000}};
};

TEST_F(InFlightTest, GivesBackTheCreditsItTook) {
  const auto first = envelope("1-0", 1, 3);
  const auto second = envelope("2-0", 1, 4);
  EXPECT_EQ(in_flight.add({first, second}).size(), 2u);
  EXPECT_EQ(in_flight.books().jobs_out, 7);
  end(first);
  end(second);
  EXPECT_EQ(in_flight.books().jobs_out, 0);
  EXPECT_EQ(in_flight.books().jobs_free, 1000);
}

TEST_F(InFlightTest, HoldsAnEntryOnceThatIsDeliveredTwice) {
  const auto first = envelope("1-0", 1);
  in_flight.add({first});
  const auto again = in_flight.add({envelope("1-0", 1), envelope("2-0", 1)});
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0]->id.text(), "2-0");
  EXPECT_EQ(in_flight.books().jobs_out, 20);
  end(again[0]);
  EXPECT_FALSE(in_flight.take_delivered_again());
  end(first);
  EXPECT_EQ(in_flight.books().jobs_out, 0);
  EXPECT_TRUE(in_flight.take_delivered_again());
  EXPECT_FALSE(in_flight.take_delivered_again());
}

TEST_F(InFlightTest, AWorkerThatIsAheadLeavesOthersTheNextFetch) {
  in_flight.add({envelope("1-0", 1, 1)});
  in_flight.set_flow({.is_ahead = true});
  EXPECT_EQ(in_flight.credit_now(), 0u) << "at once";
  EXPECT_GT(in_flight.wait_for_credit(std::chrono::steady_clock::now() + std::chrono::minutes{1}),
            0u)
      << "after a while, also when nothing else happens";
  in_flight.add({envelope("2-0", 1, 1)});
  EXPECT_EQ(in_flight.credit_now(), 0u);
  in_flight.set_flow({});
  EXPECT_GT(in_flight.credit_now(), 0u);
}

TEST_F(InFlightTest, AFetchBringsNoMoreAtOnceThanTheFlowSays) {
  in_flight.set_flow({.at_once = 5});
  EXPECT_EQ(in_flight.credit_now(), 5u);
  EXPECT_EQ(in_flight.wait_for_credit(std::chrono::steady_clock::now()), 5u);
}

TEST_F(InFlightTest, HoldsAnEntryUnderANewNameBesideTheOldOne) {
  const auto old_lease = envelope("1-0", 1);
  const auto new_lease = envelope("1-0", 2);
  in_flight.add({old_lease});
  EXPECT_EQ(in_flight.add({new_lease}).size(), 1u);
  EXPECT_EQ(in_flight.books().jobs_out, 20);
  end(new_lease);
  EXPECT_EQ(in_flight.all(), std::vector<EnvelopePtr>{old_lease});
  end(old_lease);
  EXPECT_EQ(in_flight.books().jobs_out, 0);
}

TEST_F(InFlightTest, KnowsOfWhichQueuesAnythingIsHeld) {
  EXPECT_EQ(in_flight.queues_held(3), (std::vector<bool>{false, false, false}));
  const auto first = envelope("1-0", 1);
  const auto second = envelope("1-0", 1);
  second->queue = 2;
  in_flight.add({first, second});
  EXPECT_EQ(in_flight.queues_held(3), (std::vector<bool>{true, false, true}));
  end(first);
  EXPECT_EQ(in_flight.queues_held(3), (std::vector<bool>{false, false, true}));
}

TEST_F(InFlightTest, HasCreditForAFetchWhileThereIsRoom) {
  EXPECT_EQ(in_flight.credit_now(), 800u) << "twice four full batches";
  const auto most = envelope("1-0", 1, 799);
  in_flight.add({most});
  EXPECT_EQ(in_flight.credit_now(), 1u);
  in_flight.add({envelope("2-0", 1, 1)});
  EXPECT_EQ(in_flight.credit_now(), 0u);
  end(most);
  EXPECT_GE(in_flight.credit_now(), 799u);
  in_flight.close();
  EXPECT_EQ(in_flight.credit_now(), 0u);
}

// Else one queue that takes no outcomes would stop the fetches from all others.
TEST_F(InFlightTest, WhatAQueueRefusesToTakeIsNotInHand) {
  in_flight.add({envelope("1-0", 1, 800)});
  EXPECT_EQ(in_flight.credit_now(), 0u);
  in_flight.set_refused(500);
  EXPECT_EQ(in_flight.credit_now(), 200u) << "of all credits only these are left";
  in_flight.set_refused(0);
  EXPECT_EQ(in_flight.credit_now(), 0u);
}

}  // namespace
}  // namespace ferry::detail
