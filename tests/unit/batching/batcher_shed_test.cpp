// Which jobs a latency budget sheds, and which it never does. What that is worth is shown in
// tests/unit/plan/shed_test.cpp.

#include <gmock/gmock.h>

#include <map>
#include <random>

#include "budget_fixture.hpp"

namespace ferry::detail {
namespace {

/// A budget of 50 ms, and what is low is shed.
class BatcherShedTest : public BudgetFixture {
 protected:
  void SetUp() override { make_taught(latency_budget(50ms, 10).shed(Priority::low)); }

  void make_taught(Policy policy, std::size_t runners = 1) {
    make_budget(policy, runners);
    teach();
  }

  JobRef come(Priority priority, Time at, Duration age = 0ms) {
    return come(arrival(priority, at, age));
  }
  JobRef come(const Arrival& arrival) {
    batcher().arrive(arrival);
    return arrival.job;
  }

  Arrival arrival(Priority priority, Time at, Duration age = 0ms) {
    Arrival arrival;
    arrival.job = {come_++, 0};
    arrival.payload_bytes = 100;
    arrival.priority = static_cast<std::uint8_t>(priority);
    arrival.at = at;
    arrival.age = age;
    return arrival;
  }

  /// The only runner is taken, and comes free when the time is up.
  void keep_busy_until(Time at) {
    come(Priority::high, start, 24h);
    ASSERT_TRUE(batcher().next(start));
    ASSERT_FALSE(batcher().next(at));
  }

  Departure leave(Time at) {
    const auto departure = batcher().next(at);
    EXPECT_TRUE(departure);
    if (!departure) return {};
    batcher().runner_free(0, Suspect::no);
    return *departure;
  }
};

TEST_F(BatcherShedTest, DropsLowJobsWhoseBudgetIsSpentBeforeAnybodyElseLeaves) {
  keep_busy_until(start + 51ms);
  const JobRef first = come(Priority::low, start);
  const JobRef second = come(Priority::low, start);
  const JobRef fresh = come(Priority::low, start + 40ms);
  const JobRef high = come(Priority::high, start + 2ms);
  batcher().runner_free(0, Suspect::no);
  const Departure shed = leave(start + 51ms);
  EXPECT_TRUE(shed.shed);
  EXPECT_TRUE(shed.late);
  EXPECT_THAT(shed.jobs, testing::ElementsAre(first, second));
  const Departure next = leave(start + 51ms);
  EXPECT_FALSE(next.shed) << "it is late as well, but high";
  EXPECT_THAT(next.jobs, testing::ElementsAre(high));
  EXPECT_THAT(batcher().take_if([](const JobRef&) { return true; }), testing::ElementsAre(fresh));
}

TEST_F(BatcherShedTest, LowJobsNeedNotBeNextToBeDropped) {
  keep_busy_until(start);
  const JobRef low = come(Priority::low, start);
  for (int i = 0; i < 1000; ++i) come(Priority::high, start, -1h);  // never late
  batcher().runner_free(0, Suspect::no);
  Time now = start;
  Departure departure = leave(now);
  for (; !departure.shed && now < start + 1s; now += 1ms) departure = leave(now);
  EXPECT_THAT(departure.jobs, testing::ElementsAre(low));
  EXPECT_LE(now, start + 52ms);
}

TEST_F(BatcherShedTest, RunsWhatIsLateButNotSpentWhileARunnerIsFree) {
  const JobRef low = come(Priority::low, start, 48ms);
  const Departure departure = leave(start);
  EXPECT_THAT(departure.jobs, testing::ElementsAre(low));
  EXPECT_TRUE(departure.late);
  EXPECT_FALSE(departure.shed) << "or a prediction that is wrong once would never be mended";
}

TEST_F(BatcherShedTest, ShedsNoneOfAHigherPriority) {
  come(Priority::high, start, 24h);
  come(Priority::normal, start, 24h);
  EXPECT_FALSE(leave(start).shed);
  EXPECT_FALSE(leave(start).shed);
  make_taught(latency_budget(50ms).shed(Priority::normal));
  const JobRef normal = come(Priority::normal, start, 24h);
  const JobRef low = come(Priority::low, start, 24h);
  const JobRef high = come(Priority::high, start, 24h);
  std::map<std::uint64_t, bool> shed;
  for (int i = 0; i < 3; ++i) {
    const Departure departure = leave(start);
    for (const JobRef& job : departure.jobs) shed[job.token] = departure.shed;
  }
  EXPECT_TRUE(shed[normal.token]);
  EXPECT_TRUE(shed[low.token]);
  EXPECT_FALSE(shed[high.token]);
}

TEST_F(BatcherShedTest, ShedsNothingUnlessAskedTo) {
  make_taught(latency_budget(50ms));
  come(Priority::low, start, 24h);
  const Departure departure = leave(start);
  EXPECT_TRUE(departure.late);
  EXPECT_FALSE(departure.shed);
}

/// A job that was to run an hour later, or again after an attempt, is old when it comes.
TEST_F(BatcherShedTest, CountsADelayedJobFromTheEndOfItsDelay) {
  Arrival delayed = arrival(Priority::low, start, 1h);
  delayed.queued = 10ms;
  come(delayed);
  EXPECT_FALSE(leave(start).shed);
  keep_busy_until(start + 41ms);
  const JobRef job = come(delayed);
  batcher().runner_free(0, Suspect::no);
  const Departure departure = leave(start + 41ms);
  EXPECT_TRUE(departure.shed);
  EXPECT_THAT(departure.jobs, testing::ElementsAre(job));
}

TEST_F(BatcherShedTest, AClockOfRedisThatIsBehindShedsNothing) {
  Arrival low = arrival(Priority::low, start);
  low.queued = 24h;
  come(low);
  EXPECT_FALSE(batcher().next(start)) << "it is held like any other";
}

TEST_F(BatcherShedTest, ShedsBySpentBudgetOfItsOwnAndInEveryBatchKey) {
  keep_busy_until(start + 11ms);
  for (const char* key : {"a", "b"}) {
    Arrival low = arrival(Priority::low, start);
    low.batch_key = key;
    come(low);
    low.job.index = 1;
    low.budget = 10ms;
    come(low);
  }
  batcher().runner_free(0, Suspect::no);
  for (int i = 0; i < 2; ++i) {
    const Departure departure = leave(start + 11ms);
    EXPECT_TRUE(departure.shed);
    ASSERT_EQ(departure.jobs.size(), 1u);
    EXPECT_EQ(departure.jobs.front().index, 1u);
  }
}

TEST_F(BatcherShedTest, NeverShedsASuspect) {
  Arrival low = arrival(Priority::low, start, 24h);
  low.suspect = Suspect::once;
  come(low);
  EXPECT_FALSE(batcher().next(start)->shed);
}

/// Random events; every job leaves once, and nobody is shed who should not be.
TEST_F(BatcherShedTest, EveryJobLeavesExactlyOnceWhateverHappens) {
  std::size_t shed = 0;
  for (std::uint64_t seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&](std::uint64_t below) {
      return static_cast<std::int64_t>(random() % below);
    };
    const auto runners = static_cast<std::size_t>(1 + pick(3));
    const Priority from = pick(2) == 0 ? Priority::low : Priority::normal;
    make_taught(latency_budget(50ms, static_cast<std::size_t>(1 + pick(60))).shed(from), runners);
    struct Known {
      Time spent;
      std::uint8_t priority = 0;
    };
    std::map<std::uint64_t, Known> waiting;
    Time now = start;
    std::size_t running = 0;
    const auto take_all = [&] {
      while (const auto departure = batcher().next(now)) {
        ++running;
        ASSERT_FALSE(departure->jobs.empty());
        for (const JobRef& job : departure->jobs) {
          const auto known = waiting.find(job.token);
          ASSERT_NE(known, waiting.end());
          if (departure->shed) {
            ++shed;
            ASSERT_LE(known->second.spent, now);
            ASSERT_GE(known->second.priority, static_cast<std::uint8_t>(from));
          }
          waiting.erase(known);
        }
      }
      ASSERT_EQ(batcher().held_jobs(), waiting.size());
    };
    for (int i = 0; i < 600 && !HasFailure(); ++i) {
      now += std::chrono::microseconds(pick(3000));
      const auto event = pick(10);
      if (event < 5) {
        for (auto n = pick(30); n > 0; --n) {
          const std::string key = pick(3) == 0 ? "k" + std::to_string(pick(3)) : "";
          Arrival job = arrival(static_cast<Priority>(pick(3)), now, pick(90) * 1ms);
          job.batch_key = key;
          if (pick(3) == 0) job.queued = pick(90) * 1ms;
          if (pick(4) == 0) job.budget = (1 + pick(200)) * 1ms;
          if (pick(20) == 0) job.expires = now + pick(40) * 1ms;
          const Duration budget = job.budget.count() > 0 ? job.budget : 50ms;
          const Time spent = now - std::min(job.age, job.queued) + budget;
          waiting[come(job).token] = {std::min(spent, job.expires), job.priority};
        }
      } else if (event < 9 && running > 0) {
        --running;
        batcher().runner_free(0, Suspect::no);
      } else if (pick(8) == 0) {
        batcher().flush();
      } else if (const auto due = batcher().due()) {
        now = std::max(now, *due);
      }
      take_all();
    }
    for (const JobRef& job : batcher().take_if([](const JobRef&) { return true; }))
      ASSERT_EQ(waiting.erase(job.token), 1u);
    EXPECT_TRUE(waiting.empty()) << "seed " << seed;
    EXPECT_FALSE(batcher().next(now + 1h)) << "nothing is watched for that has gone";
  }
  EXPECT_GT(shed, 1000u) << "or nothing was tried";
}

}  // namespace
}  // namespace ferry::detail
