// Drives the limit with handlers that share something which does less the more of them ask it.
#include "batching/concurrency_limit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace ferry::detail {
namespace {

using std::chrono::nanoseconds;

/// Returns: how many times longer a run takes beside so many others, itself included.
using Slowdown = std::function<double(std::size_t)>;

double undisturbed(std::size_t) { return 1; }

/// No more gets done beyond so many.
Slowdown shared_by(std::size_t handlers) {
  return [=](std::size_t running) {
    return std::max(1.0, static_cast<double>(running) / static_cast<double>(handlers));
  };
}

/// Beyond so many, each more takes away from what all get done.
Slowdown thrashes_beyond(std::size_t handlers) {
  return [=](std::size_t running) {
    const double over = std::max(1.0, static_cast<double>(running) / static_cast<double>(handlers));
    return over * over;
  };
}

/// A handler for which there is always more to do: batches of 1 to 60 jobs, 4 + 0.2 n ms, σ 0.15.
class Shared {
 public:
  Shared(std::size_t most, std::uint64_t seed) : limit_(most), random_(seed), most_(most) {}

  void run(const Slowdown& slowdown, int runs) {
    for (int i = 0; i < runs; ++i) {
      while (running_.size() < allowed()) start(slowdown);
      const Run run = running_.top();
      running_.pop();
      now_ms_ = run.ends_ms;
      jobs_done_ += static_cast<double>(run.jobs);
      if (!fixed_) limit_.end(run.ticket, run.jobs, took(run));
    }
  }

  void hold_at(std::size_t handlers) { fixed_ = handlers; }
  /// Returns: jobs a second since the last call.
  double speed() {
    const double jobs = std::exchange(jobs_done_, 0);
    const double seconds = (now_ms_ - std::exchange(since_ms_, now_ms_)) / 1000;
    return jobs / seconds;
  }
  const ConcurrencyLimit& limit() const { return limit_; }

 private:
  struct Run {
    double began_ms;
    double ends_ms;
    std::size_t jobs;
    std::uint64_t ticket;
    bool operator>(const Run& other) const { return ends_ms > other.ends_ms; }
  };

  static nanoseconds took(const Run& run) {
    return nanoseconds(static_cast<std::int64_t>((run.ends_ms - run.began_ms) * 1e6));
  }
  std::size_t allowed() const { return fixed_ ? *fixed_ : limit_.now(); }

  void start(const Slowdown& slowdown) {
    const std::size_t running = running_.size() + 1;
    const std::size_t jobs = std::uniform_int_distribution<std::size_t>{1, 60}(random_);
    const double noise = std::lognormal_distribution<>{0, 0.15}(random_);
    const double alone = (4 + 0.2 * static_cast<double>(jobs)) * noise;
    running_.push({now_ms_, now_ms_ + alone * slowdown(std::max(running, allowed())), jobs,
                   limit_.begin(running)});
  }

  ConcurrencyLimit limit_;
  std::mt19937_64 random_;
  std::size_t most_;
  std::optional<std::size_t> fixed_;
  std::priority_queue<Run, std::vector<Run>, std::greater<>> running_;
  double now_ms_ = 0;
  double since_ms_ = 0;
  double jobs_done_ = 0;
};

double best_fixed(std::size_t most, const Slowdown& slowdown) {
  double best = 0;
  for (std::size_t handlers = 1; handlers <= most; ++handlers) {
    Shared held(most, 7);
    held.hold_at(handlers);
    held.run(slowdown, 4000);
    best = std::max(best, held.speed());
  }
  return best;
}

constexpr std::uint64_t seeds = 3;
constexpr std::size_t most = 32;

struct Case {
  const char* name;
  Slowdown slowdown;
};

class ConcurrencyLimitTest : public testing::TestWithParam<Case> {};

TEST_P(ConcurrencyLimitTest, GetsNearlyAsMuchDoneAsTheBestNumber) {
  const double best = best_fixed(most, GetParam().slowdown);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Shared shared(most, seed);
    shared.run(GetParam().slowdown, 5000);
    shared.speed();
    shared.run(GetParam().slowdown, 10'000);
    EXPECT_GT(shared.speed(), 0.85 * best) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Resources, ConcurrencyLimitTest,
                         testing::Values(Case{"undisturbed", undisturbed},
                                         Case{"shared", shared_by(4)},
                                         Case{"shared_by_many", shared_by(20)},
                                         Case{"thrashing", thrashes_beyond(4)},
                                         Case{"one_at_a_time", thrashes_beyond(1)}),
                         [](const auto& instance) { return instance.param.name; });

TEST(ConcurrencyLimit, FollowsACollapseAndTheRecovery) {
  const double best_then = best_fixed(most, thrashes_beyond(4));
  const double best_before = best_fixed(most, undisturbed);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Shared shared(most, seed);
    shared.run(undisturbed, 10'000);
    EXPECT_EQ(shared.limit().limit(), most);
    shared.run(thrashes_beyond(4), 100 * most);
    shared.speed();
    shared.run(thrashes_beyond(4), 1000);
    EXPECT_GT(shared.speed(), 0.9 * best_then) << "seed " << seed;
    shared.run(undisturbed, 100 * most);
    shared.speed();
    shared.run(undisturbed, 1000);
    EXPECT_GT(shared.speed(), 0.9 * best_before) << "seed " << seed;
  }
}

TEST(ConcurrencyLimit, RunTimesAreComparedPerSizeOfBatch) {
  ConcurrencyLimit limit(8);
  std::mt19937_64 random(1);
  // Nothing is won by a second handler, but fewer of them find larger batches: runs take alike.
  for (int run = 0; run < 20'000; ++run) {
    const std::size_t handlers = limit.now();
    const std::size_t fair = 240 / handlers;
    const auto jobs = std::uniform_int_distribution<std::size_t>{fair / 4, 2 * fair}(random);
    const double noise = std::lognormal_distribution<>{0, 0.15}(random);
    const auto took = noise * 1e6 * static_cast<double>(jobs * handlers);
    limit.end(limit.begin(handlers), jobs, nanoseconds(static_cast<std::int64_t>(took)));
  }
  EXPECT_LE(limit.limit(), 2U);
}

TEST(ConcurrencyLimit, LearnsNothingWhileThereIsTooLittleToDo) {
  ConcurrencyLimit limit(8);
  for (int run = 0; run < 5000; ++run) {
    // Slower the more there are, but never all of them.
    const std::size_t running = 1 + static_cast<std::size_t>(run % 7);
    limit.end(limit.begin(running), 1, std::chrono::milliseconds(running * running));
  }
  EXPECT_EQ(limit.limit(), 8U);
  EXPECT_EQ(limit.now(), 8U);
}

TEST(ConcurrencyLimit, ARunOfAnotherPeriodTellsNothing) {
  ConcurrencyLimit limit(4);
  const std::uint64_t old = limit.begin(4);
  for (std::size_t run = 0; run < ConcurrencyLimit::period_runs; ++run) {
    limit.end(limit.begin(4), 1, std::chrono::milliseconds(1));
  }
  ASSERT_LT(limit.now(), 4U) << "a trial of fewer has begun";
  const std::size_t tried = limit.now();
  for (std::size_t run = 0; run < 10 * ConcurrencyLimit::period_runs; ++run) {
    limit.end(old, 1, std::chrono::milliseconds(1));
  }
  EXPECT_EQ(limit.now(), tried);
}

}  // namespace
}  // namespace ferry::detail
