#include "flow/score/score.hpp"

#include <gtest/gtest.h>

#include "flow/score/quantile.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

TEST(FlowScoreTest, TakesQuantilesByTheNearestRank) {
  EXPECT_EQ(quantile({}, 0.5), 0ms);
  EXPECT_EQ(quantile({7ms}, 0.99), 7ms);
  EXPECT_EQ(quantile({4ms, 1ms, 3ms, 2ms}, 0.5), 2ms);
  std::vector<Moment> hundred;
  for (int i = 100; i > 0; --i) hundred.push_back(i * 1ms);
  EXPECT_EQ(quantile(hundred, 0.99), 99ms);
  EXPECT_EQ(quantile(hundred, 1), 100ms);
}

/// Two kinds for one worker of two handlers; jobs that began at some time, or never.
struct Runs {
  Trace trace;

  Runs& job(std::uint32_t kind, Moment ready, Moment begin) {
    trace.jobs.push_back({kind, 0, 1, ready, static_cast<std::uint32_t>(trace.calls.size())});
    trace.calls.push_back({0, kind, 1, begin, begin + 10ms});
    return *this;
  }
  Runs& left(std::uint32_t kind, Moment ready) {
    trace.jobs.push_back({kind, 0, 1, ready, no_call});
    return *this;
  }
};

TEST(FlowScoreTest, CountsTheWaitOfJobsThatDidNotBeginUpToTheEnd) {
  const Trace trace = Runs().job(0, 0ms, 5ms).left(0, 20ms).left(0, 200ms).left(1, 0ms).trace;
  EXPECT_EQ(delays_of(trace, 0, 100ms), (std::vector<Moment>{5ms, 80ms}));
}

TEST(FlowScoreTest, SetsEachKindBesideTheOracle) {
  Mix mix;
  mix.workers = {{2, 0ms}};
  mix.kinds.resize(2);
  for (MixKind& kind : mix.kinds) kind.job_takes = 10ms;
  const Trace real = Runs().job(0, 0ms, 2ms).job(1, 0ms, 60ms).left(1, 50ms).trace;
  const Trace oracle = Runs().job(0, 0ms, 0ms).job(1, 0ms, 0ms).job(1, 50ms, 50ms).trace;
  const Score score = score_of(mix, real, std::vector<Trace>{oracle}, 100ms);
  ASSERT_EQ(score.kinds.size(), 2u);
  EXPECT_EQ(score.kinds[0].behind(), 2ms);
  EXPECT_EQ(score.kinds[1].behind(), 60ms);
  EXPECT_EQ(score.kinds[1].not_begun, 1u);
  EXPECT_EQ(score.worst().kind, 1u);
  EXPECT_EQ(score.all.jobs, 3u);
  // Of 200 ms of handlers 20 were used; one was idle from 10 to 60 and from 60 to 100 ms.
  EXPECT_NEAR(score.idle.busy, 0.1, 1e-9);
  EXPECT_NEAR(score.idle.wasted, 0.45, 1e-9);
  EXPECT_NEAR(score.oracle_idle.wasted, 0, 1e-9);
}

TEST(FlowScoreTest, TakesTheOracleThatLetsAKindWaitLongest) {
  Mix mix;
  mix.kinds.resize(2);
  const Trace real = Runs().job(0, 0ms, 30ms).job(1, 0ms, 30ms).trace;
  const std::vector<Trace> oracles{Runs().job(0, 0ms, 0ms).job(1, 0ms, 20ms).trace,
                                   Runs().job(0, 0ms, 25ms).job(1, 0ms, 0ms).trace};
  const Score score = score_of(mix, real, oracles, 100ms);
  EXPECT_EQ(score.kinds[0].behind(), 5ms);
  EXPECT_EQ(score.kinds[1].behind(), 10ms);
}

}  // namespace
}  // namespace ferry::flow
