#include "stages/settle_plan.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "leases.hpp"
#include "wire/envelope.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = SettleCall::Kind;
using Tell = SettlePlan::Tell;

constexpr Time start = Time{} + 1h;

class SettlePlanTest : public testing::Test {
 protected:
  /// An envelope of fresh jobs, as after decoding.
  LeasedEnvelope& envelope(std::size_t jobs, std::size_t payload = 10, std::uint32_t queue = 0) {
    wire::EnvelopeWriter writer(ids_.next(1'700'000'000'000));
    for (std::size_t i = 0; i < jobs; ++i) {
      writer.add("kind", std::string(payload, 'x'), 1'700'000'000'000'000);
    }
    bytes_.push_back(std::make_unique<std::string>(writer.finish()));
    auto& made = *held_.emplace_back(std::make_unique<LeasedEnvelope>());
    made.queue = queue;
    made.epoch = leases_.current_epoch();
    made.id = {1'700'000'000'000 + held_.size(), 0};
    made.set_bytes(*bytes_.back());
    EXPECT_EQ(wire::decode(made.bytes, made.stored), "");
    made.marks.assign(jobs, JobMark::open);
    made.open = jobs;
    return made;
  }

  void done(LeasedEnvelope& which, std::uint32_t index, std::uint32_t jobs = 1, Time at = start) {
    Report report;
    report.at = at;
    report.settlements.push_back({&which, index, Verb::done, 0, jobs});
    plan_.take(report);
  }

  void leave(LeasedEnvelope& which, std::vector<std::uint32_t> jobs,
             Leaving::To to = Leaving::To::queue, std::string holder = {}) {
    Report report;
    const std::string letter = to == Leaving::To::dead_letters ? "letter" : "";
    report.leavings.push_back({&which, std::move(jobs), to, std::move(holder), letter});
    plan_.take(report);
  }

  std::vector<SettleCall> calls(Time now = start, Tell tell = Tell::due) {
    return plan_.calls(now, tell);
  }

  static std::vector<Kind> kinds(const std::vector<SettleCall>& calls) {
    std::vector<Kind> list;
    for (const SettleCall& call : calls) list.push_back(call.kind);
    return list;
  }

  /// Of one call: its words behind the keys.
  static std::vector<std::string> words(const SettleCall& call, std::size_t from) {
    std::vector<std::string> list;
    const auto views = call.arguments.views();
    for (std::size_t i = from; i < views.size(); ++i) list.emplace_back(views[i]);
    return list;
  }

  /// Closes all calls. Returns: the envelopes that ended.
  std::vector<const LeasedEnvelope*> close(const std::vector<SettleCall>& calls) {
    std::vector<const LeasedEnvelope*> ended;
    for (const SettleCall& call : calls) {
      for (const InFlight::Acknowledged& one : plan_.close(call)) {
        gone_ += one.jobs_gone;
        if (one.jobs_gone == 0) ended.push_back(one.envelope);
      }
    }
    return ended;
  }

  /// Returns: jobs whose credits came back although their envelopes go on.
  std::size_t gone() const { return gone_; }

  Leases leases_{"worker", {Keys("ferry", "a"), Keys("ferry", "b")}};
  SettlePlan plan_{leases_};

 private:
  std::size_t gone_ = 0;
  wire::JobIdSource ids_;
  std::vector<std::unique_ptr<std::string>> bytes_;
  std::vector<std::unique_ptr<LeasedEnvelope>> held_;
};

TEST_F(SettlePlanTest, WholeEnvelopesAreToldAtOnceAndTogether) {
  auto& first = envelope(2);
  auto& second = envelope(3);
  done(first, 0, 2);
  done(second, 0, 3);
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::finish));
  EXPECT_EQ(close(made).size(), 2u);
  EXPECT_TRUE(plan_.empty());
}

TEST_F(SettlePlanTest, OutcomesOfAnUnfinishedEnvelopeWait) {
  auto& one = envelope(3);
  done(one, 0);
  EXPECT_THAT(calls(start + 19ms), IsEmpty());
  EXPECT_EQ(plan_.next_due(), start + 20ms);
  EXPECT_EQ(plan_.next_due(true), Time::min());
  const auto made = calls(start + 20ms);
  ASSERT_THAT(kinds(made), ElementsAre(Kind::settle));
  EXPECT_THAT(close(made), IsEmpty());
  EXPECT_EQ(gone(), 1u) << "its credit is free, or held jobs beside it would keep all others out";
  EXPECT_EQ(one.open, 2u);
  EXPECT_TRUE(plan_.empty());
}

TEST_F(SettlePlanTest, AnEnvelopeThatGoesBackWholeIsReleasedNotTakenApart) {
  auto& one = envelope(3);
  leave(one, {0, 1, 2});
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::release));
  EXPECT_THAT(close(made), ElementsAre(&one));
}

TEST_F(SettlePlanTest, ALargeEnvelopeGoesBackWithoutBeingCopied) {
  auto& one = envelope(2, 1024 * 1024);
  leave(one, {0, 1});
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::set_aside));
  EXPECT_EQ(made.front().holder, "~free");
}

TEST_F(SettlePlanTest, WhatIsSetAsideIsGatheredByHolder) {
  auto& first = envelope(3);
  auto& second = envelope(2);
  auto& third = envelope(1);
  leave(first, {0, 1, 2}, Leaving::To::holder, "~kind:slow");
  leave(second, {0, 1}, Leaving::To::holder, "~kind:slow");
  leave(third, {0}, Leaving::To::holder, "~kind:other");
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::set_aside, Kind::set_aside));
  EXPECT_THAT(words(made.front(), 6),
              ElementsAre("~kind:slow", first.id.text(), "3", second.id.text(), "2"));
  EXPECT_EQ(close(made).size(), 3u);
}

TEST_F(SettlePlanTest, APartLeavesWhileTheRestRuns) {
  auto& one = envelope(4);
  leave(one, {2, 3});
  auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::part));
  EXPECT_THAT(close(made), IsEmpty());
  EXPECT_EQ(one.open, 2u);
  EXPECT_EQ(one.leaving, 0u);
  done(one, 0, 2);
  made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::finish));
  EXPECT_THAT(close(made), ElementsAre(&one));
}

TEST_F(SettlePlanTest, PartsStayGroupedAsTheyWereGiven) {
  auto& one = envelope(6);
  Report report;
  report.leavings.push_back({&one, {0, 1}, Leaving::To::queue, {}, {}});
  report.leavings.push_back({&one, {2, 3, 4}, Leaving::To::queue, {}, {}});
  plan_.take(report);
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::part));
  const auto parts = words(made.front(), 14);
  ASSERT_EQ(parts.size(), 8u);
  EXPECT_EQ(wire::decode_head(parts[3])->count, 2u);
  EXPECT_EQ(wire::decode_head(parts[7])->count, 3u);
  wire::StoredEnvelope stored;
  ASSERT_EQ(wire::decode(parts[7], stored), "");
  EXPECT_EQ(stored.jobs[0].id, one.stored.jobs[2].id) << "ids move along";
}

TEST_F(SettlePlanTest, AnEnvelopeWithAPartOnItsWayIsNeverFinishedBlindly) {
  // `finish` deletes the entry, whatever else is in it.
  auto& one = envelope(3);
  done(one, 0, 2);
  leave(one, {2});
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::part, Kind::settle));
  EXPECT_THAT(close(made), ElementsAre(&one));
}

TEST_F(SettlePlanTest, WhatHasAnOutcomeLeavesNoMore) {
  auto& one = envelope(2);
  done(one, 0);
  leave(one, {0, 1});
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::part, Kind::settle));
  EXPECT_THAT(made.front().jobs, ElementsAre(1));
}

TEST_F(SettlePlanTest, LargePartsGoInSeveralCalls) {
  auto& one = envelope(5, 700'000);
  leave(one, {0, 1, 2, 3});
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::part, Kind::part, Kind::part, Kind::part));
  EXPECT_THAT(close(made), IsEmpty());
  EXPECT_EQ(one.leaving, 0u);
}

TEST_F(SettlePlanTest, AnUndecodedEnvelopeIsSetAsideWhole) {
  auto& one = envelope(7);
  one.marks.clear();
  one.open = 0;
  leave(one, {}, Leaving::To::holder, "~newer");
  const auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::set_aside));
  EXPECT_THAT(words(made.front(), 6), ElementsAre("~newer", one.id.text(), "7"));
  EXPECT_THAT(close(made), ElementsAre(&one));
}

TEST_F(SettlePlanTest, AQueueThatIsRefusedWaitsAloneAndIsToldWhatCameMeanwhile) {
  auto& broken = envelope(3, 10, 0);
  auto& sound = envelope(2, 10, 1);
  done(broken, 0);
  done(sound, 0, 2);
  auto made = calls(start + 20ms);
  ASSERT_THAT(kinds(made), ElementsAre(Kind::settle, Kind::finish));
  plan_.postpone(std::move(made.front()), start + 1s);
  EXPECT_THAT(plan_.close(made.back()), testing::SizeIs(1));
  done(broken, 1);
  EXPECT_THAT(calls(start + 500ms), IsEmpty());
  EXPECT_THAT(calls(start + 500ms, Tell::unfinished), IsEmpty())
      << "it would only be refused again";
  EXPECT_EQ(plan_.next_due(), start + 1s);
  done(broken, 2);
  made = calls(start + 1s);
  ASSERT_THAT(kinds(made), ElementsAre(Kind::finish)) << "all three jobs by now";
  EXPECT_THAT(close(made), ElementsAre(&broken));
}

TEST_F(SettlePlanTest, ARefusedPartIsSentAgainAsItWas) {
  auto& one = envelope(3);
  leave(one, {1});
  auto made = calls();
  ASSERT_THAT(kinds(made), ElementsAre(Kind::part));
  const auto before = words(made.front(), 0);
  plan_.postpone(std::move(made.front()), start + 1s);
  EXPECT_THAT(calls(start + 999ms), IsEmpty());
  made = calls(start + 1s);
  ASSERT_THAT(kinds(made), ElementsAre(Kind::part));
  EXPECT_EQ(words(made.front(), 0), before);
}

TEST_F(SettlePlanTest, TheLastTryOnStopAsksRefusedQueuesToo) {
  auto& one = envelope(1);
  done(one, 0);
  auto made = calls();
  plan_.postpone(std::move(made.front()), start + 1s);
  EXPECT_THAT(kinds(calls(start, Tell::postponed)), ElementsAre(Kind::finish));
}

TEST_F(SettlePlanTest, ManyEnvelopesAreSplitIntoCallsOfBoundedSize) {
  for (int i = 0; i < 301; ++i) done(envelope(1), 0);
  EXPECT_EQ(calls().size(), 2u);
  for (int i = 0; i < 250; ++i) leave(envelope(1), {0});
  EXPECT_EQ(calls().size(), 3u) << "a hundred entries a call";
}

}  // namespace
}  // namespace ferry::detail
