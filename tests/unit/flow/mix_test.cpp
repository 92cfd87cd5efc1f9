#include "flow/mix/mix.hpp"

#include <gtest/gtest.h>

#include <set>

#include "flow/mix/generate.hpp"
#include "flow/mix/mix_json.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t seeds = 400;

TEST(FlowMixTest, IsTheSameForTheSameSeedOnly) {
  EXPECT_EQ(json_of(generate(7)), json_of(generate(7)));
  EXPECT_NE(json_of(generate(7)), json_of(generate(8)));
}

/// Every field of every part has another value than by default.
Mix unusual() {
  Mix mix;
  mix.name = "unusual";
  mix.seed = 9;
  mix.queue_weights = {2, 5};
  mix.workers = {{3, 70ms}};
  mix.length = 1234ms;
  mix.drains = false;
  mix.max_jobs_in_flight = 11;
  mix.max_bytes_in_flight = 12;
  mix.lease = 1300ms;
  MixKind kind;
  kind.policy = fixed(7, 8ms);
  kind.per_job = false;
  kind.concurrency = 2;
  kind.call_takes = 3ms;
  kind.job_takes = 4us;
  kind.spins = true;
  kind.queue = 1;
  kind.batch_keys = 6;
  kind.zipf = true;
  kind.high_percent = 20;
  kind.low_percent = 21;
  kind.delayed_percent = 22;
  kind.delay = 23ms;
  kind.all_due_at = 24ms;
  kind.payload_bytes = 25;
  kind.repetitive = true;
  kind.compress_from_bytes = 26;
  kind.envelope_jobs = 27;
  kind.arrivals = Arrivals::bursts;
  kind.jobs = 28;
  kind.per_second = 29.5;
  kind.portion = 30;
  kind.from = 31ms;
  kind.stored_first = true;
  mix.kinds = {kind};
  return mix;
}

TEST(FlowMixTest, WritesEveryFieldThatIsNotAsByDefault) {
  Mix usual;
  usual.workers = {MixWorker{}};
  usual.kinds = {MixKind{}};
  const auto json = json_of(unusual());
  const auto by_default = json_of(usual);
  // As many as the structs have: a field that is added belongs into the JSON, and here.
  EXPECT_EQ(json.size(), 10u);
  EXPECT_EQ(json["kinds"][0].size(), 24u);
  EXPECT_EQ(json["workers"][0].size(), 2u);
  for (const auto& [name, value] : by_default.items()) {
    EXPECT_TRUE(!value.is_primitive() || json[name] != value) << name;
  }
  for (const auto& [name, value] : by_default["kinds"][0].items()) {
    EXPECT_NE(json["kinds"][0][name], value) << name;
  }
  EXPECT_EQ(json_of(mix_of(json)), json);
}

TEST(FlowMixTest, IsTheSameAgainWhenReadFromItsJson) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Mix mix = generate(seed);
    const auto json = json_of(mix);
    EXPECT_EQ(json_of(mix_of(json)), json) << seed;
    EXPECT_EQ(line_of(mix_of(json)), line_of(mix)) << seed;
  }
}

TEST(FlowMixTest, KeepsHandlersButNoProcessorBusy) {
  int overloaded = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Mix mix = generate(seed);
    const double load = load_of(mix);
    overloaded += load > 1 ? 1 : 0;
    EXPECT_GE(load, 0.3) << line_of(mix);
    EXPECT_TRUE(load <= 0.8 || (load > 1 && load <= 1.6)) << line_of(mix);
    EXPECT_LE(short_jobs_load(mix), 0.205) << line_of(mix);
  }
  EXPECT_GT(overloaded, 10);
  EXPECT_LT(overloaded, static_cast<int>(seeds) / 4);
}

TEST(FlowMixTest, HasOnlyKindsThatAWorkerAcceptsAndTheOracleKnows) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Mix mix = generate(seed);
    ASSERT_GE(mix.kinds.size(), 1u);
    ASSERT_LE(mix.kinds.size(), most_kinds);
    for (const MixKind& kind : mix.kinds) {
      EXPECT_NO_THROW(kind.policy.validate());
      EXPECT_TRUE(!kind.per_job || kind.policy.to_string() == "realtime") << line_of(mix);
      EXPECT_LT(kind.queue, mix.queue_weights.size());
      EXPECT_GT(kind.jobs, 0u);
      EXPECT_LE(kind.policy.max_jobs * kind.payload_bytes, kind.policy.max_bytes);
      EXPECT_TRUE(!kind.spins || kind.job_takes + kind.call_takes < 1ms) << line_of(mix);
    }
  }
}

TEST(FlowMixTest, ReachesEveryPartOfItsRange) {
  std::set<std::size_t> kinds;
  std::set<std::size_t> queues;
  std::set<std::size_t> workers;
  std::set<std::size_t> concurrency;
  std::set<std::int64_t> run_times;
  std::set<PolicyKind> policies;
  std::set<Arrivals> arrivals;
  std::set<std::size_t> keys;
  std::set<std::size_t> payloads;
  std::set<bool> others;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Mix mix = generate(seed);
    kinds.insert(mix.kinds.size());
    queues.insert(mix.queue_weights.size());
    workers.insert(mix.workers.size());
    for (const MixWorker& worker : mix.workers) concurrency.insert(worker.concurrency);
    for (const MixKind& kind : mix.kinds) {
      run_times.insert(kind.job_takes.count());
      policies.insert(kind.policy.kind);
      arrivals.insert(kind.arrivals);
      keys.insert(kind.zipf ? 1 : kind.batch_keys);
      payloads.insert(kind.payload_bytes);
      others.insert(kind.concurrency > 0 && kind.delayed_percent > 0 && kind.high_percent > 0);
    }
  }
  EXPECT_EQ(kinds.size(), most_kinds);
  EXPECT_EQ(queues.size(), 4u);
  EXPECT_EQ(workers.size(), 4u);
  EXPECT_EQ(concurrency.size(), 8u);
  EXPECT_EQ(run_times, (std::set<std::int64_t>{0, 50, 1000, 5000, 50'000, 500'000}));
  EXPECT_EQ(policies.size(), 3u);
  EXPECT_EQ(arrivals.size(), 3u);
  EXPECT_EQ(keys, (std::set<std::size_t>{0, 1, 10, 1000}));
  EXPECT_EQ(payloads, (std::set<std::size_t>{100, 1024, 16 * 1024, 256 * 1024}));
  EXPECT_EQ(others.size(), 2u);
}

TEST(FlowMixTest, ExpectsBatchesAsLargeAsRatesAndPoliciesLetThemBecome) {
  struct Case {
    const char* what;
    Policy policy;
    double per_second;
    std::size_t keys;
    std::size_t workers;
    double expected;
  };
  for (const Case& one : {Case{"held for a second", fixed(100, 1s), 50, 0, 1, 51},
                          Case{"but not above its size", fixed(10, 1s), 50, 0, 1, 10},
                          Case{"by each worker", fixed(100, 1s), 50, 0, 5, 11},
                          Case{"for each key", fixed(100, 1s), 50, 10, 1, 6},
                          Case{"not held", realtime(100), 50, 0, 1, 1},
                          Case{"for half of the budget", latency_budget(1s), 50, 0, 1, 26}}) {
    MixKind kind;
    kind.per_job = false;
    kind.policy = one.policy;
    kind.per_second = one.per_second;
    kind.batch_keys = one.keys;
    EXPECT_DOUBLE_EQ(expected_batch(kind, one.workers), one.expected) << one.what;
  }
}

}  // namespace
}  // namespace ferry::flow
