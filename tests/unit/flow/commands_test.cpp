#include "flow/score/commands.hpp"

#include <gtest/gtest.h>

#include "flow/score/command_use.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

/// A trace of jobs that are ready at some time, each in a call that ends at some time.
class Made {
 public:
  Made& call(Moment begin, Moment end, std::initializer_list<std::uint32_t> envelopes,
             Moment ready = 0ms, Moment due = 0ms) {
    const auto number = static_cast<std::uint32_t>(trace_.calls.size());
    trace_.calls.push_back({0, 0, static_cast<std::uint32_t>(envelopes.size()), begin, end});
    for (const std::uint32_t envelope : envelopes) {
      trace_.jobs.push_back({0, 0, 1, ready, number});
      envelopes_.push_back(envelope);
      due_.push_back(due);
    }
    return *this;
  }
  CommandBound bound() const { return command_bound(trace_, envelopes_, due_); }

 private:
  Trace trace_;
  std::vector<std::uint32_t> envelopes_;
  std::vector<Moment> due_;
};

TEST(FlowCommandsTest, AsksForOneFetchAndOneFinishOfALonelyJob) {
  const CommandBound bound = Made().call(0ms, 5ms, {1}).bound();
  EXPECT_EQ(bound.fetches, 1);
  EXPECT_EQ(bound.finishes, 7);
  EXPECT_EQ(bound.parts + bound.promotions, 0);
  EXPECT_EQ(bound.total(), 8);
}

TEST(FlowCommandsTest, CountsAFetchForEachMomentInWhichEnvelopesCame) {
  Made made;
  for (int i = 0; i < 5; ++i) {
    made.call(i * 3ms, i * 3ms + 1ms, {static_cast<std::uint32_t>(i)}, i * 3ms);
  }
  EXPECT_EQ(made.bound().fetches, 5);
  EXPECT_EQ(Made().call(9ms, 10ms, {1, 2, 3, 4, 5}, 8ms).bound().fetches, 1);
}

TEST(FlowCommandsTest, CountsAFetchForEachCallThatBeginsAnEnvelopeWhereAllCameAtOnce) {
  EXPECT_EQ(Made().call(0ms, 1ms, {1}).call(1ms, 2ms, {2}).call(2ms, 3ms, {2}).bound().fetches, 2);
}

TEST(FlowCommandsTest, FinishesWithTheCallThatEndsAnEnvelope) {
  // One envelope, ten calls close together.
  Made made;
  for (int i = 0; i < 10; ++i) made.call(i * 1ms, i * 1ms + 1ms, {1});
  EXPECT_EQ(made.bound().finishes, 7);
  EXPECT_EQ(made.bound().parts, 0);
  EXPECT_EQ(Made().call(0ms, 1ms, {1, 2}).bound().finishes, 7);
  EXPECT_EQ(Made().call(0ms, 1ms, {1, 2, 3}).bound().finishes, 9);
}

TEST(FlowCommandsTest, TellsPartsOfAnEnvelopeWhoseOtherJobsTakeLonger) {
  EXPECT_EQ(Made().call(0ms, 1ms, {1}).call(0ms, 20ms, {1}).bound().parts, 0);
  EXPECT_EQ(Made().call(0ms, 1ms, {1}).call(0ms, 500ms, {1}).bound().parts, 9);
  // At 21 ms the first two, at 321 the third; the last one finishes it.
  const CommandBound bound = Made()
                                 .call(0ms, 1ms, {1})
                                 .call(0ms, 15ms, {1})
                                 .call(0ms, 301ms, {1})
                                 .call(0ms, 900ms, {1})
                                 .bound();
  EXPECT_EQ(bound.parts, 18);
  EXPECT_EQ(bound.finishes, 7);
}

TEST(FlowCommandsTest, PromotesWhatComesDueTogetherAtOnce) {
  EXPECT_EQ(Made()
                .call(105ms, 106ms, {1}, 101ms, 101ms)
                .call(105ms, 106ms, {2}, 104ms, 104ms)
                .call(205ms, 206ms, {3}, 201ms, 201ms)
                .bound()
                .promotions,
            20);
}

TEST(FlowCommandsTest, LeavesOutWhatNeverBegan) {
  Trace trace;
  trace.jobs.push_back({0, 0, 1, 0ms, no_call});
  const std::vector<std::uint32_t> envelopes{1};
  const std::vector<Moment> due{0ms};
  EXPECT_EQ(command_bound(trace, envelopes, due).total(), 0);
}

/// A command as the server's log has it; of a function with the commands inside.
test::Traced traced(std::vector<std::string> words, std::vector<std::string> inside = {}) {
  test::Traced one;
  one.size = words.size();
  one.words = std::move(words);
  one.inside = std::move(inside);
  return one;
}

TEST(FlowCommandsTest, KnowsForWhomACommandWasMade) {
  struct Case {
    test::Traced command;
    CommandPurpose expected;
  };
  for (const Case& one :
       {Case{traced({"FCALL", "ferry_v1_enqueue"}, {"HMGET", "XADD"}), CommandPurpose::producers},
        Case{traced({"FCALL", "ferry_v1_open"}), CommandPurpose::producers},
        Case{traced({"MULTI"}), CommandPurpose::producers},
        Case{traced({"XADD", "ferry:{q0:0}:gate:p", "*", "e", "x"}), CommandPurpose::producers},
        Case{traced({"RENAMENX", "ferry:{q0:0}:gate:p", "y"}), CommandPurpose::producers},
        Case{traced({"XADD", "ferry:{q0:0}:ready:1", "*", "e", "x"}), CommandPurpose::work},
        Case{traced({"HGET", "ferry:{q0:0}:parked", "x"}), CommandPurpose::work},
        Case{traced({"XREADGROUP", "GROUP", "ferry"}), CommandPurpose::fetch},
        Case{traced({"FCALL", "ferry_v1_finish"}, {"XACK"}), CommandPurpose::work},
        Case{traced({"FCALL", "ferry_v1_of_later"}, {"XACK"}), CommandPurpose::work},
        Case{traced({"FCALL", "ferry_v1_promote"}, {"TIME", "ZRANGE"}), CommandPurpose::upkeep},
        Case{traced({"FCALL", "ferry_v1_promote"}, {"TIME", "XADD"}), CommandPurpose::work},
        Case{traced({"FCALL", "ferry_v1_reclaim"}, {"TIME", "XPENDING"}), CommandPurpose::upkeep},
        Case{traced({"FCALL", "ferry_v1_reclaim"}, {"TIME", "XCLAIM"}), CommandPurpose::work},
        Case{traced({"FCALL", "ferry_v1_renew"}, {"HSET"}), CommandPurpose::upkeep},
        Case{traced({"FCALL", "ferry_v1_beat"}, {"HSET"}), CommandPurpose::upkeep},
        Case{traced({"FCALL", "ferry_v1_counts"}, {"HMGET"}), CommandPurpose::upkeep},
        Case{traced({"SELECT", "0"}), CommandPurpose::upkeep},
        Case{traced({"XREAD", "COUNT", "1"}), CommandPurpose::harness},
        Case{traced({"CONFIG", "SET", "x", "y"}), CommandPurpose::harness}}) {
    EXPECT_EQ(purpose_of(one.command), one.expected) << testing::PrintToString(one.command.words);
  }
}

TEST(FlowCommandsTest, CountsTheCommandsInsideOfFunctionsAndOnlyFetchesThatBroughtSomething) {
  std::vector<test::Traced> trace{traced({"FCALL", "ferry_v1_finish"}, {"XACK", "XDEL"}),
                                  traced({"FCALL", "ferry_v1_renew"}, {"HSET"}),
                                  traced({"FCALL", "ferry_v1_enqueue"}, {"XADD"}),
                                  traced({"XREAD"})};
  for (int i = 0; i < 10; ++i) trace.push_back(traced({"XREADGROUP"}));
  const CommandUse use = command_use(trace, 4);
  EXPECT_EQ(use.producers, 2);
  EXPECT_EQ(use.fetches, 4);
  EXPECT_EQ(use.work, 3);
  EXPECT_EQ(use.upkeep, 2 + 6);
  EXPECT_EQ(use.workers(), 7);
}

}  // namespace
}  // namespace ferry::flow
