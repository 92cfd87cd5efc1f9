// What a worker does with jobs: every kind of handler, every outcome, against a real server.

#include "ferry/worker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "redis/connection.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::client_options;
using test::eventually;
using test::redis_options;
using test::RunningWorker;
using test::worker_options;

struct Number {
  static constexpr std::string_view kind = "number";
  int value = 0;
  MSGPACK_DEFINE_MAP(value)
};
struct Word {
  static constexpr std::string_view kind = "word";
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};

std::vector<Number> numbers(int count) {
  std::vector<Number> jobs;
  for (int i = 0; i < count; ++i) jobs.push_back({i});
  return jobs;
}

/// Numbers that handlers have seen, from any thread.
class Seen {
 public:
  void add(int value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(value);
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }
  std::vector<int> values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }
  std::multiset<int> sorted() const {
    const std::lock_guard lock(mutex_);
    return {values_.begin(), values_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::vector<int> values_;
};

class WorkerTest : public testing::Test {
 protected:
  QueueCounts counts() { return queue.counts(); }
  bool finished(std::int64_t jobs) {
    const auto now = counts();
    return now.done + now.dead + now.expired == jobs;
  }
  void expect_balanced() {
    const AuditReport report = queue.audit();
    EXPECT_THAT(report.violations, testing::IsEmpty());
  }

  PrivateRedis redis;
  Client client{client_options(redis)};
  Queue queue{redis_options(redis), "default"};
};

TEST_F(WorkerTest, RunsEachJobOnceForAHandlerPerJob) {
  Seen seen;
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number& job) { seen.add(job.value); });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  for (const auto& result : client.enqueue_all(numbers(3000))) ASSERT_TRUE(result);
  ASSERT_TRUE(eventually([&] { return finished(3000); }));
  EXPECT_EQ(worker.stop(), 0);
  const auto sorted = seen.sorted();
  EXPECT_EQ(sorted.size(), 3000u);
  EXPECT_EQ(std::set<int>(sorted.begin(), sorted.end()).size(), 3000u);
  EXPECT_EQ(counts().done, 3000);
  expect_balanced();
}

TEST_F(WorkerTest, FormsBatchesForAHandlerPerBatch) {
  Seen seen;
  std::atomic<int> calls{0};
  Handlers handlers;
  handlers.on_batch<Number>(fixed(100, 20ms), [&](Batch<Number>& batch) {
    ++calls;
    EXPECT_LE(batch.size(), 100u);
    for (auto& item : batch) seen.add(item->value);
  });
  for (const auto& result : client.enqueue_all(numbers(1000))) ASSERT_TRUE(result);
  RunningWorker worker(worker_options(redis), std::move(handlers));
  ASSERT_TRUE(eventually([&] { return finished(1000); }));
  worker.stop();
  EXPECT_EQ(seen.sorted().size(), 1000u);
  EXPECT_LE(calls, 20);
  const auto stats = worker->stats();
  EXPECT_EQ(stats.done, 1000u);
  EXPECT_EQ(stats.enqueue_to_settled.count(), 1000u);
  EXPECT_EQ(stats.credit_jobs_out, 0);
  EXPECT_EQ(stats.credit_jobs_free + stats.credit_jobs_out, stats.credit_jobs_total);
}

TEST_F(WorkerTest, EndsAnAsynchronousJobFromAnotherThread) {
  std::mutex mutex;
  std::vector<std::pair<int, Completion>> waiting;
  Handlers handlers;
  handlers.on_async<Number>([&](const JobContext&, Number job, Completion completion) {
    const std::lock_guard lock(mutex);
    waiting.emplace_back(job.value, std::move(completion));
  });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  static_cast<void>(client.enqueue_all(numbers(8)));
  std::size_t ended = 0;
  while (ended < 8) {
    // Concurrency 4: four are out at once, and no more.
    ASSERT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return waiting.size() == 4;
    }));
    std::vector<std::pair<int, Completion>> batch;
    {
      const std::lock_guard lock(mutex);
      batch.swap(waiting);
    }
    for (auto& [value, completion] : batch) {
      std::thread([value = value, completion = completion] {
        value == 3 ? completion.fail("declined") : completion.done();
      }).join();
      ++ended;
    }
  }
  ASSERT_TRUE(eventually([&] { return finished(8); }));
  EXPECT_EQ(counts().done, 7);
  EXPECT_EQ(counts().dead, 1);
}

TEST_F(WorkerTest, SettlesEachJobOfABatchByItsOwnOutcome) {
  std::atomic<int> third_runs{0};
  Handlers handlers;
  handlers.on_batch<Number>(fixed(10, 20ms), [&](Batch<Number>& batch) {
    for (auto& item : batch) {
      if (item->value == 1) item.fail("declined");
      if (item->value == 2 && item.context().attempt == 1) item.retry_after(0ms, "busy");
      if (item->value == 3 && ++third_runs < 3) item.retry_after(30ms, "later");
    }
  });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  static_cast<void>(client.enqueue_all(numbers(10)));
  ASSERT_TRUE(eventually([&] { return finished(10); }));
  EXPECT_EQ(counts().done, 9);
  EXPECT_EQ(third_runs, 3);
  const JobPage dead = queue.jobs(JobState::dead);
  ASSERT_EQ(dead.jobs.size(), 1u);
  EXPECT_EQ(dead.jobs[0].reason, "declined");
  EXPECT_EQ(dead.jobs[0].attempts, 1);
  EXPECT_EQ(worker->stats().retried, 3u);
  expect_balanced();
}

TEST_F(WorkerTest, CountsAttemptsUntilAJobIsDead) {
  std::vector<int> attempts;
  Handlers handlers;
  handlers.on<Number>(
      [&](const JobContext& context, const Number&) {
        attempts.push_back(context.attempt);
        throw std::runtime_error("no route to host");
      },
      {.max_attempts = 3, .backoff = {1ms, 2ms}});
  RunningWorker worker(worker_options(redis), std::move(handlers));
  client.enqueue(Number{1});
  ASSERT_TRUE(eventually([&] { return counts().dead == 1; }));
  worker.stop();
  EXPECT_THAT(attempts, testing::ElementsAre(1, 2, 3));
  const auto dead = queue.jobs(JobState::dead).jobs;
  EXPECT_EQ(dead[0].reason, "after 3 attempts: no route to host");
  EXPECT_EQ(dead[0].attempts, 3);
  expect_balanced();
}

TEST_F(WorkerTest, LetsAJobBringItsOwnBoundOfAttempts) {
  std::atomic<int> runs{0};
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number&) -> Outcome {
    ++runs;
    return retry_after(0ms, "busy");
  });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  client.enqueue(Number{1}, {.max_attempts = 2});
  ASSERT_TRUE(eventually([&] { return counts().dead == 1; }));
  EXPECT_EQ(runs, 2);
}

class PoisonTest : public WorkerTest, public testing::WithParamInterface<std::pair<int, bool>> {};

TEST_P(PoisonTest, OnlyThePoisonPays) {
  const auto [poison, idempotent] = GetParam();
  Seen seen;
  std::mutex mutex;
  std::map<int, int> attempts_of_good;
  Handlers handlers;
  handlers.on_batch<Number>(fixed(64, 50ms),
                            [&, poison = poison](Batch<Number>& batch) {
                              for (auto& item : batch) {
                                if (item->value < poison) throw std::runtime_error("poison");
                              }
                              for (auto& item : batch) {
                                seen.add(item->value);
                                const std::lock_guard lock(mutex);
                                attempts_of_good[item->value] = item.context().attempt;
                              }
                            },
                            {.max_attempts = 3, .backoff = {1ms, 1ms}, .idempotent = idempotent});
  RunningWorker worker(worker_options(redis), std::move(handlers));
  static_cast<void>(client.enqueue_all(numbers(64)));
  ASSERT_TRUE(eventually([&] { return finished(64); }));
  worker.stop();
  EXPECT_EQ(counts().done, 64 - poison);
  EXPECT_EQ(counts().dead, poison);
  EXPECT_EQ(seen.size(), 64u - static_cast<unsigned>(poison));
  for (const auto& [value, attempt] : attempts_of_good) EXPECT_EQ(attempt, 1) << value;
  for (const JobInfo& dead : queue.jobs(JobState::dead).jobs) EXPECT_EQ(dead.attempts, 3);
  expect_balanced();
}

INSTANTIATE_TEST_SUITE_P(OneTwoAndFourOf64, PoisonTest,
                         testing::Values(std::pair{1, true}, std::pair{2, true}, std::pair{4, true},
                                         std::pair{1, false}, std::pair{4, false}));

TEST_F(WorkerTest, BuriesWhatItCannotRunWithAReason) {
  Handlers handlers;
  handlers.on<Number>([](const JobContext&, const Number&) {});
  WorkerOptions options = worker_options(redis);
  options.unknown_kind = UnknownKind::dead_letter;
  RunningWorker worker(options, std::move(handlers));
  client.enqueue(Word{"x"});                                      // no such handler
  client.enqueue_packed("number", "\xc1");                        // no msgpack
  client.enqueue_packed("number", "\xdf\xff\xff\xff\xff");        // asks for 4 billion entries
  client.enqueue_packed("number", std::string(100'000, '\x91'));  // nested 100,000 deep
  client.enqueue(Number{1});
  ASSERT_TRUE(eventually([&] { return finished(5); }));
  EXPECT_EQ(counts().done, 1);
  std::vector<std::string> reasons;
  for (const JobInfo& dead : queue.jobs(JobState::dead).jobs) reasons.push_back(dead.reason);
  EXPECT_THAT(reasons,
              testing::UnorderedElementsAre(testing::StartsWith("no handler for kind word"),
                                            testing::StartsWith("payload cannot be decoded"),
                                            testing::StartsWith("payload cannot be decoded"),
                                            testing::StartsWith("payload cannot be decoded")));
  expect_balanced();
}

TEST_F(WorkerTest, DropsExpiredJobsAndCountsThem) {
  client.enqueue(Number{7});  // connects
  for (int i = 0; i < 5; ++i) client.enqueue(Number{i}, {.expires_after = 50ms});
  std::this_thread::sleep_for(60ms);  // so that they expire; the producer's clock decides
  Seen seen;
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number& job) { seen.add(job.value); });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  ASSERT_TRUE(eventually([&] { return finished(6); }));
  EXPECT_EQ(counts().expired, 5);
  EXPECT_THAT(seen.values(), testing::ElementsAre(7));
  expect_balanced();
}

TEST_F(WorkerTest, RunsDelayedJobsNotBeforeTheirTime) {
  std::atomic<std::int64_t> late_us{-1};
  Handlers handlers;
  handlers.on<Number>([&](const JobContext& context, const Number&) {
    late_us = std::chrono::duration_cast<std::chrono::microseconds>(
                  std::chrono::system_clock::now() - context.enqueued_at - 300ms)
                  .count();
  });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  client.enqueue(Number{1}, {.run_after = 300ms});
  EXPECT_EQ(counts().delayed, 1);
  ASSERT_TRUE(eventually([&] { return finished(1); }));
  EXPECT_GE(late_us, -1000);  // Redis counts in whole milliseconds
  EXPECT_EQ(worker->stats().promoted_jobs, 1u);
  expect_balanced();
}

TEST_F(WorkerTest, LeavesByTheLingerOfTheFirstJobWhenJobsTrickle) {
  std::mutex mutex;
  std::vector<std::size_t> sizes;
  std::vector<LeaveReason> reasons;
  Handlers handlers;
  handlers.on_batch<Number>(fixed(1000, 40ms), [&](Batch<Number>& batch) {
    const std::lock_guard lock(mutex);
    sizes.push_back(batch.size());
    reasons.push_back(batch.reason());
  });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  for (int i = 0; i < 60; ++i) {
    client.enqueue(Number{i});
    std::this_thread::sleep_for(5ms);  // a steady trickle, far below the batch size
  }
  ASSERT_TRUE(eventually([&] { return finished(60); }));
  const std::lock_guard lock(mutex);
  EXPECT_GE(sizes.size(), 2u);  // re-arming the timer would make one batch of 60
  EXPECT_THAT(reasons, testing::Each(LeaveReason::linger));
}

TEST_F(WorkerTest, OverlapsAsManyBlockingHandlersAsItsConcurrency) {
  std::atomic<int> inside{0};
  std::atomic<bool> all_inside{false};
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number&) {
    ++inside;
    if (eventually([&] { return inside == 16; }, 10s)) all_inside = true;
  });
  auto options = worker_options(redis);
  options.concurrency = 16;
  RunningWorker worker(options, std::move(handlers));
  static_cast<void>(client.enqueue_all(numbers(16)));
  ASSERT_TRUE(eventually([&] { return finished(16); }));
  EXPECT_TRUE(all_inside);
}

TEST_F(WorkerTest, KeepsAKindWithinItsOwnConcurrency) {
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  Handlers handlers;
  handlers.on<Number>(
      [&](const JobContext&, const Number&) {
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::sleep_for(1ms);
        --inside;
      },
      {.concurrency = 2});
  RunningWorker worker(worker_options(redis), std::move(handlers));
  static_cast<void>(client.enqueue_all(numbers(100)));
  ASSERT_TRUE(eventually([&] { return finished(100); }));
  EXPECT_EQ(most, 2);
}

TEST_F(WorkerTest, RunsMoreUrgentJobsFirst) {
  auto one_by_one = client_options(redis);
  one_by_one.max_jobs_per_envelope = 1;
  Client producer{one_by_one};
  static_cast<void>(producer.enqueue_all(numbers(100), {.priority = Priority::low}));
  for (int i = 100; i < 150; ++i) producer.enqueue(Number{i}, {.priority = Priority::high});
  Seen seen;
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number& job) { seen.add(job.value); });
  auto options = worker_options(redis);
  options.concurrency = 1;
  RunningWorker worker(options, std::move(handlers));
  ASSERT_TRUE(eventually([&] { return finished(150); }));
  // The first fetch asks all priorities along, for one envelope each; from the second on the urgent
  // ones go ahead.
  const auto order = seen.values();
  const auto urgent = [](int value) { return value >= 100; };
  const auto last_urgent = std::find_if(order.rbegin(), order.rend(), urgent).base();
  EXPECT_LE(last_urgent - order.begin(), 50 + 1);
  EXPECT_TRUE(urgent(order.front()));
}

TEST_F(WorkerTest, WorksOnSeveralQueues) {
  std::atomic<int> mails{0};
  std::atomic<int> files{0};
  Handlers handlers;
  handlers.on<Number>([&](const JobContext& context, const Number&) {
    ++(context.queue == "mail" ? mails : files);
  });
  auto options = worker_options(redis);
  options.queues = {{"mail", 3}, {"files", 1}};
  RunningWorker worker(options, std::move(handlers));
  static_cast<void>(client.enqueue_all(numbers(100), {.queue = "mail"}));
  static_cast<void>(client.enqueue_all(numbers(50), {.queue = "files"}));
  ASSERT_TRUE(eventually([&] { return mails == 100 && files == 50; }));
}

TEST_F(WorkerTest, StopsFetchingFromAPausedQueueAndGoesOnAfterwards) {
  Seen seen;
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number& job) { seen.add(job.value); });
  queue.pause();
  RunningWorker worker(worker_options(redis), std::move(handlers));
  ASSERT_TRUE(eventually([&] { return counts().workers == 1; }));
  std::this_thread::sleep_for(600ms);  // longer than a renewal and a blocked fetch
  static_cast<void>(client.enqueue_all(numbers(5)));
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(seen.size(), 0u);
  EXPECT_EQ(counts().waiting, 5);
  queue.resume();
  ASSERT_TRUE(eventually([&] { return finished(5); }));
}

TEST_F(WorkerTest, PassesHeadersAndTraceThrough) {
  JobContext seen_context;
  std::map<std::string, std::string> headers;
  std::string trace;
  std::atomic<bool> ran{false};
  Handlers handlers;
  handlers.on<Number>([&](const JobContext& context, const Number&) {
    for (const auto& [name, value] : context.headers) headers.emplace(name, value);
    trace = context.traceparent;
    ran = true;
  });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  client.enqueue(Number{1}, {.traceparent = parent, .headers = {{"tenant", "a"}, {"via", "b"}}});
  ASSERT_TRUE(eventually([&] { return ran.load(); }));
  worker.stop();
  EXPECT_EQ(trace, parent);
  EXPECT_EQ(headers, (std::map<std::string, std::string>{{"tenant", "a"}, {"via", "b"}}));
}

TEST_F(WorkerTest, NeverMixesBatchKeys) {
  std::atomic<int> mixed{0};
  Handlers handlers;
  handlers.on_batch<Number>(fixed(50, 30ms), [&](Batch<Number>& batch) {
    for (auto& item : batch) {
      if (item.context().batch_key != batch[0].context().batch_key) ++mixed;
    }
  });
  for (int i = 0; i < 200; ++i) {
    static_cast<void>(
        client.enqueue_async(Number{i}, {.batch_key = "tenant" + std::to_string(i % 7)}));
  }
  client.flush();
  RunningWorker worker(worker_options(redis), std::move(handlers));
  ASSERT_TRUE(eventually([&] { return finished(200); }));
  EXPECT_EQ(mixed, 0);
}

TEST_F(WorkerTest, RefusesAServerThatEvictsUnlessToldOtherwise) {
  PrivateRedis evicting({.arguments = {"--maxmemory-policy", "allkeys-lru"}});
  Handlers handlers;
  handlers.on<Number>([](const JobContext&, const Number&) {});
  auto options = worker_options(evicting);
  options.log.level = LogLevel::off;
  RunningWorker refused(options, handlers);
  EXPECT_EQ(refused.join(), 1);
  options.accept_eviction = true;
  RunningWorker accepting(options, handlers);
  Client producer{client_options(evicting)};
  producer.enqueue(Number{1});
  Queue there{redis_options(evicting), "default"};
  EXPECT_TRUE(eventually([&] { return there.counts().done == 1; }));
}

TEST_F(WorkerTest, WaitsForARedisThatIsAwayAtTheStartAndComesBackLater) {
  Seen seen;
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number& job) { seen.add(job.value); });
  PrivateRedis other({.fsync = Fsync::always});
  auto options = worker_options(other);
  options.log.level = LogLevel::off;
  other.kill();
  RunningWorker worker(options, std::move(handlers));
  other.start();
  Client producer{client_options(other)};
  static_cast<void>(producer.enqueue_all(numbers(50)));
  ASSERT_TRUE(eventually([&] { return seen.size() >= 50; }));
  other.kill();
  other.start();
  static_cast<void>(producer.enqueue_all(numbers(50)));
  ASSERT_TRUE(eventually([&] { return seen.size() >= 100; }));
  Queue there{redis_options(other), "default"};
  ASSERT_TRUE(eventually([&] { return there.counts().done == 100; }));
  EXPECT_TRUE(there.audit().balanced());
}

TEST_F(WorkerTest, GoesOnWithARedisThatForgotEverything) {
  Seen seen;
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number& job) { seen.add(job.value); });
  PrivateRedis forgetful;
  auto options = worker_options(forgetful);
  options.log.level = LogLevel::off;
  RunningWorker worker(options, std::move(handlers));
  Client producer{client_options(forgetful)};
  producer.enqueue(Number{1});
  ASSERT_TRUE(eventually([&] { return seen.size() == 1; }));
  forgetful.kill();
  forgetful.start();  // no functions, no streams, no leases
  producer.enqueue(Number{2});
  ASSERT_TRUE(eventually([&] { return seen.size() == 2; }));
  Queue there{redis_options(forgetful), "default"};
  ASSERT_TRUE(eventually([&] { return there.counts().done == 1; }));
  EXPECT_TRUE(there.audit().balanced());
}

TEST_F(WorkerTest, DrainsAFullRedis) {
  PrivateRedis full({.maxmemory = 24 * 1024 * 1024});
  auto producing = client_options(full);
  producing.block_timeout = 200ms;
  Client producer{producing};
  const std::string text(10'000, 'x');
  std::int64_t stored = 0;
  for (bool more = true; more;) {
    std::vector<Word> words(100, Word{text});
    for (const auto& result : producer.enqueue_all(words)) {
      if (result) {
        ++stored;
      } else {
        more = false;
        EXPECT_EQ(result.error->code(), ErrorCode::out_of_memory);
      }
    }
  }
  ASSERT_GT(stored, 500);
  std::atomic<int> runs{0};
  Handlers handlers;
  handlers.on<Word>([&](const JobContext&, const Word&) { ++runs; });
  RunningWorker worker(worker_options(full), std::move(handlers));
  Queue there{redis_options(full), "default"};
  ASSERT_TRUE(eventually([&] { return there.counts().done == stored; }));
  EXPECT_TRUE(there.audit().balanced());
}

TEST_F(WorkerTest, StartsAndDrainsWhileRedisTakesNothingMore) {
  for (int i = 0; i < 20; ++i) client.enqueue(Number{i});
  ferry::redis::Connection(redis_options(redis)).call({"CONFIG", "SET", "maxmemory", "1"});
  Seen seen;
  Handlers handlers;
  handlers.on<Number>([&](const JobContext&, const Number& job) { seen.add(job.value); });
  RunningWorker worker(worker_options(redis), std::move(handlers));
  ASSERT_TRUE(eventually([&] { return finished(20); }));
  EXPECT_EQ(counts().done, 20);
  expect_balanced();
}

}  // namespace
}  // namespace ferry
