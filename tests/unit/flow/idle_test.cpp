#include "flow/score/idle.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "flow/mix/dice.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

OracleKind kind(std::size_t concurrency = 0, Policy policy = realtime()) {
  return {policy, policy.max_jobs == 1, concurrency, 0, 0ms, 1ms};
}

/// A call that was allowed at some time, and ran in a worker from when to when.
DueCall due(Moment allowed, Moment begin, Moment end, std::uint32_t of = 0,
            std::uint32_t worker = 0) {
  return {{worker, of, 1, begin, end}, allowed};
}

struct Case {
  const char* what;
  std::vector<std::size_t> workers;
  std::vector<OracleKind> kinds;
  std::vector<DueCall> calls;
  double busy;
  double wasted;
};

// All within 100 ms; a call counts as waiting once it could have begun for 10 ms.
TEST(FlowIdleTest, CountsHandlersThatAreIdleWhileACallMayBegin) {
  const std::vector<Case> cases{
      {"begins at once", {1}, {kind()}, {due(0ms, 0ms, 50ms)}, 0.5, 0},
      {"waits as long as is free", {1}, {kind()}, {due(0ms, 10ms, 50ms)}, 0.4, 0},
      {"waits 20 ms longer", {1}, {kind()}, {due(0ms, 30ms, 50ms)}, 0.2, 0.2},
      {"while the only handler is busy",
       {1},
       {kind()},
       {due(0ms, 0ms, 50ms), due(0ms, 50ms, 60ms)},
       0.6,
       0},
      {"while the other handler is idle",
       {2},
       {kind()},
       {due(0ms, 0ms, 50ms), due(0ms, 50ms, 60ms)},
       0.3,
       0.2},
      {"while another worker's handler is idle",
       {1, 1},
       {kind()},
       {due(0ms, 0ms, 50ms), due(0ms, 50ms, 60ms)},
       0.3,
       0.2},
      {"while its kind is at its own limit",
       {2},
       {kind(1)},
       {due(0ms, 0ms, 50ms), due(0ms, 50ms, 60ms)},
       0.3,
       0},
      {"but not in the other worker",
       {1, 1},
       {kind(1)},
       {due(0ms, 0ms, 50ms), due(0ms, 50ms, 60ms)},
       0.3,
       0.2},
      {"one call needs one handler", {4}, {kind()}, {due(0ms, 50ms, 60ms)}, 0.025, 0.1},
      {"four calls, two handlers",
       {2},
       {kind()},
       {due(0ms, 50ms, 60ms), due(0ms, 50ms, 60ms), due(0ms, 60ms, 70ms), due(0ms, 60ms, 70ms)},
       0.2,
       0.4},
      {"a handler that ends and begins in the same instant was not idle",
       {1},
       {kind()},
       {due(0ms, 0ms, 20ms), due(0ms, 20ms, 40ms), due(0ms, 40ms, 60ms)},
       0.6,
       0},
      {"never begun", {1}, {kind()}, {due(20ms, 100ms, 100ms)}, 0, 0.7},
  };
  for (const Case& one : cases) {
    const IdleQuestion question{one.workers, one.kinds, 0ms, 100ms};
    const IdleTime idle = idle_time(question, one.calls);
    EXPECT_NEAR(idle.busy, one.busy, 1e-9) << one.what;
    EXPECT_NEAR(idle.wasted, one.wasted, 1e-9) << one.what;
  }
}

TEST(FlowIdleTest, TakesShortGapsOfAHandlerAsBusyWhenAsked) {
  IdleQuestion question{{2}, {kind()}, 0ms, 100ms};
  const std::vector<DueCall> calls{due(0ms, 0ms, 40ms), due(0ms, 41ms, 60ms), due(0ms, 75ms, 80ms),
                                   due(0ms, 0ms, 100ms)};
  EXPECT_NEAR(idle_time(question, calls).wasted, 0.08, 1e-9);
  question.turnaround = 2ms;
  EXPECT_NEAR(idle_time(question, calls).wasted, 0.075, 1e-9);
  question.turnaround = 20ms;
  EXPECT_NEAR(idle_time(question, calls).wasted, 0, 1e-9);
}

TEST(FlowIdleTest, KnowsWhenEachPolicyLetsACallBegin) {
  struct Allowed {
    const char* what;
    OracleKind kind;
    std::size_t jobs;
    Moment expected;  ///< of a batch whose first job was ready at 10 ms and its last at 30
  };
  OracleKind budget = kind(0, latency_budget(100ms, 5));
  budget.call_takes = 5ms;
  for (const Allowed& one :
       {Allowed{"realtime", kind(0, realtime(5)), 5, 10ms},
        Allowed{"fixed, full", kind(0, fixed(5, 50ms)), 5, 30ms},
        Allowed{"fixed, full after its linger", kind(0, fixed(5, 15ms)), 5, 25ms},
        Allowed{"fixed, not full", kind(0, fixed(5, 50ms)), 4, 60ms},
        Allowed{"budget, full", budget, 5, 30ms}, Allowed{"budget, not full", budget, 4, 96ms}}) {
    EXPECT_EQ(allowed_at(one.kind, one.jobs, 10ms, 30ms), one.expected) << one.what;
  }
}

TEST(FlowIdleTest, TakesJobsThatNeverBeganForTheCallsTheyWouldHaveMade) {
  Trace trace;
  for (const Moment ready : {0ms, 10ms, 20ms}) trace.jobs.push_back({0, 0, 1, ready, no_call});
  trace.jobs.push_back({0, 7, 1, 15ms, no_call});
  trace.jobs.push_back({0, 0, 1, 500ms, no_call});  // not there yet when the run ends
  const std::vector<OracleKind> kinds{kind(0, fixed(2, 50ms))};
  auto calls = due_calls(trace, kinds, 100ms);
  std::ranges::sort(calls, {}, &DueCall::allowed);
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0].allowed, 10ms);
  EXPECT_EQ(calls[1].allowed, 65ms);
  EXPECT_EQ(calls[2].allowed, 70ms);
  for (const DueCall& one : calls) EXPECT_EQ(one.call.begin, 100ms);
}

/// The smallest cut, by trying all: the largest flow is as large.
int smallest_cut(const std::vector<int>& waiting, const std::vector<int>& idle,
                 const std::vector<std::vector<int>>& may_run) {
  int least = 1 << 30;
  for (unsigned kept = 0; kept < 1U << waiting.size(); ++kept) {
    int cut = 0;
    std::vector<int> into(idle.size());
    for (std::size_t k = 0; k < waiting.size(); ++k) {
      if ((kept >> k & 1U) == 0) cut += waiting[k];
      for (std::size_t w = 0; (kept >> k & 1U) != 0 && w < idle.size(); ++w) {
        into[w] += std::max(0, may_run[k][w]);
      }
    }
    for (std::size_t w = 0; w < idle.size(); ++w) cut += std::min(std::max(0, idle[w]), into[w]);
    least = std::min(least, cut);
  }
  return least;
}

TEST(FlowIdleTest, FindsTheMostCallsThatCouldBegin) {
  Dice dice(3);
  for (int turn = 0; turn < 2000; ++turn) {
    std::vector<int> waiting(dice.between(1, 6));
    std::vector<int> idle(dice.between(1, 4));
    std::vector<std::vector<int>> may_run(waiting.size(), std::vector<int>(idle.size()));
    for (int& calls : waiting) calls = static_cast<int>(dice.below(5));
    for (int& handlers : idle) handlers = static_cast<int>(dice.below(6)) - 1;
    for (auto& row : may_run) {
      for (int& calls : row) calls = static_cast<int>(dice.below(4)) - 1;
    }
    EXPECT_EQ(could_begin(waiting, idle, may_run), smallest_cut(waiting, idle, may_run)) << turn;
  }
}

}  // namespace
}  // namespace ferry::flow
