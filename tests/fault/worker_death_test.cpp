// Workers that die, freeze and come back: real processes, real signals, a ledger on disk.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "scratch_folder.hpp"
#include "support/child.hpp"
#include "support/fetching_thread.hpp"
#include "support/ledger.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::eventually;
using test::Ledger;

struct Step {
  static constexpr std::string_view kind = "step";
  int number = 0;
  std::string what;  ///< "" = note it; "hang" = note nothing and never return; "crash" = abort;
                     ///< "hang where fetched" = only where it was fetched, and noted
  MSGPACK_DEFINE_MAP(number, what)
};

[[noreturn]] void hang() {
  while (true) std::this_thread::sleep_for(1h);
}

/// The child's role: a worker that notes what it has done. Arguments: URL, ledger, concurrency.
int worker_role(char** arguments) {
  Child::die_with_parent();
  WorkerOptions options;
  options.redis.url = arguments[0];
  options.concurrency = static_cast<std::size_t>(std::atoi(arguments[2]));
  options.lease = 500ms;
  options.log.level = std::getenv("FERRY_TEST_LOG") ? LogLevel::debug : LogLevel::off;
  options.print_stats_on_stop = false;
  options.stop_within = 2s;
  const Ledger ledger(arguments[1]);
  Handlers handlers;
  handlers.on<Step>([&](const JobContext&, const Step& step) {
    if (step.what == "crash") std::_Exit(9);
    if (step.what == "hang" && !std::getenv("FERRY_TEST_NO_HANG")) hang();
    if (step.what == "hang where fetched" && !test::in_fetching_thread()) return;
    if (step.what == "slow") std::this_thread::sleep_for(5ms);
    ledger.note(step.number);
    if (step.what == "hang where fetched") hang();
  });
  Worker worker(options, handlers);
  StopOnSignal stop(worker);
  return worker.run();
}

class WorkerDeathTest : public testing::Test {
 protected:
  std::unique_ptr<Child> worker(const std::string& concurrency = "4") {
    return std::make_unique<Child>(
        std::vector<std::string>{"--worker", redis.url(), ledger.path(), concurrency});
  }
  std::vector<Step> steps(int count) {
    std::vector<Step> jobs;
    for (int i = 0; i < count; ++i) jobs.push_back({i, ""});
    return jobs;
  }
  void accept(const std::vector<Step>& jobs) {
    for (const auto& result : client.enqueue_all(jobs)) ASSERT_TRUE(result);
  }

  /// Every byte of the queue in Redis, but for the list of workers.
  std::string everything_stored() {
    redis::Connection connection(test::redis_options(redis));
    const Keys keys("ferry", "default");
    std::string all;
    for (const std::string* key :
         {&keys.state, &keys.progress, &keys.due, &keys.parked, &keys.dead}) {
      all += *key + texts_of(connection.call({"DUMP", *key})->root());
    }
    for (const std::string& stream : keys.ready) {
      // Not DUMP: a stream holds the names of its group's consumers, and the worker comes back.
      all += texts_of(connection.call({"XRANGE", stream, "-", "+"})->root());
      all += texts_of(connection.call({"XPENDING", stream, group_name})->root());
    }
    return all;
  }
  static std::string texts_of(const redis::Reply& reply) {
    std::string all = std::to_string(reply.integer) + std::string(reply.text) + ",";
    for (const redis::Reply& element : reply) all += texts_of(element);
    return all;
  }

  ScratchFolder folder;
  PrivateRedis redis;
  Ledger ledger{folder.file("ledger")};
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
};

TEST_F(WorkerDeathTest, RunsNoSettledJobAgainAfterAKillInTheMiddleOfAnEnvelope) {
  auto jobs = steps(100);
  jobs[60].what = "hang";  // everything else of this one envelope gets settled around it
  accept(jobs);
  ASSERT_EQ(queue.counts().envelopes, 1);
  {
    const auto first = worker();
    ASSERT_TRUE(eventually([&] { return queue.counts().done == 99; }));
    EXPECT_EQ(queue.counts().leased, 1);
    EXPECT_EQ(ledger.read().count(60), 0u);
    first->signal(SIGKILL);
    first->wait();
  }
  ::setenv("FERRY_TEST_NO_HANG", "1", 1);
  const auto second = worker();
  ::unsetenv("FERRY_TEST_NO_HANG");
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 100; }));
  const auto times = ledger.read();
  EXPECT_EQ(times.size(), 100u);
  for (const auto& [number, noted] : times) EXPECT_EQ(noted, 1) << number;
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

TEST_F(WorkerDeathTest, BuriesTheJobThatKillsItsWorkersAndNoneOfItsNeighbours) {
  auto jobs = steps(100);
  jobs[37].what = "crash";
  accept(jobs);
  int deaths = 0;
  std::unique_ptr<Child> running;
  const bool finished = eventually(
      [&] {
        if (!running) running = worker();
        if (running->wait_for(0ms)) {
          ++deaths;
          running.reset();
        }
        const auto counts = queue.counts();
        return counts.done + counts.dead == 100;
      },
      60s);
  ASSERT_TRUE(finished);
  EXPECT_EQ(queue.counts().dead, 1);
  const auto dead = queue.jobs(JobState::dead).jobs;
  EXPECT_EQ(dead[0].deliveries, 3);
  EXPECT_EQ(dead[0].reason, "was running in 3 workers that died");
  EXPECT_EQ(dead[0].attempts, 0);
  EXPECT_EQ(deaths, 4);  // once unsuspected, then three times alone
  EXPECT_EQ(ledger.read().size(), 99u);
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

TEST_F(WorkerDeathTest, IgnoresAWorkerThatWakesUpAfterItsLease) {
  auto jobs = steps(20);
  for (auto& job : jobs) job.what = "slow";
  accept(jobs);
  const auto sleeper = worker("1");
  ASSERT_TRUE(eventually([&] { return ledger.read().size() >= 2; }));
  sleeper->signal(SIGSTOP);
  const auto other = worker("4");
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 20; }));
  const QueueCounts before = queue.counts();
  const std::string stored_before = everything_stored();
  sleeper->signal(SIGCONT);
  // It comes back under a new name, which shows that it has learnt of its end.
  ASSERT_TRUE(eventually([&] { return queue.counts().workers == 2; }));
  sleeper->signal(SIGTERM);
  EXPECT_EQ(sleeper->wait(), 0);  // whatever it had to say it has said
  EXPECT_EQ(everything_stored(), stored_before);
  const QueueCounts after = queue.counts();
  EXPECT_EQ(after.done, before.done);
  EXPECT_EQ(after.dead, 0);
  EXPECT_EQ(after.accepted, 20);
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
  EXPECT_EQ(ledger.read().size(), 20u);
}

TEST_F(WorkerDeathTest, LosesNothingWhenWorkersAreKilledAgainAndAgain) {
  constexpr int job_count = 4000;
  auto jobs = steps(job_count);
  for (int i = 0; i < job_count; i += 20) jobs[static_cast<std::size_t>(i)].what = "slow";
  accept(jobs);
  int kills = 0;
  auto running = worker();
  const bool finished = eventually(
      [&] {
        const auto counts = queue.counts();
        if (counts.done + counts.dead == job_count) return true;
        if (kills < 8 && counts.done > (kills + 1) * job_count / 10) {
          running->signal(SIGKILL);
          running = worker();
          ++kills;
        }
        return false;
      },
      90s);
  ASSERT_TRUE(finished);
  EXPECT_GE(kills, 1);
  EXPECT_EQ(queue.counts().done, job_count);
  EXPECT_EQ(ledger.read().size(), static_cast<std::size_t>(job_count));
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

TEST_F(WorkerDeathTest, LosesNothingAndBurnsNothingWhenTerminatedUnderLoad) {
  constexpr int job_count = 3000;
  auto jobs = steps(job_count);
  for (auto& job : jobs) job.what = "slow";
  accept(jobs);
  const auto first = worker();
  ASSERT_TRUE(eventually([&] { return queue.counts().done > 100; }));
  first->signal(SIGTERM);
  const auto status = first->wait_for(10s);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(*status, 0);
  const QueueCounts between = queue.counts();
  EXPECT_EQ(between.leased, 0);
  EXPECT_EQ(between.done + between.waiting, job_count);
  EXPECT_EQ(between.done, static_cast<std::int64_t>(ledger.read().size()));
  for (const JobInfo& job : queue.jobs(JobState::waiting, 1000).jobs) {
    EXPECT_EQ(job.deliveries, 0);
    EXPECT_EQ(job.attempts, 0);
  }
  const auto second = worker("64");
  ASSERT_TRUE(eventually([&] { return queue.counts().done == job_count; }));
  for (const auto& [number, noted] : ledger.read()) EXPECT_EQ(noted, 1) << number;
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

TEST_F(WorkerDeathTest, EndsWithinTheTimeAllowedAlthoughAHandlerHangs) {
  auto jobs = steps(10);
  jobs[0].what = "hang";
  accept(jobs);
  const auto stuck = worker();
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 9; }));
  stuck->signal(SIGTERM);
  const auto status = stuck->wait_for(6s);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(*status, 0);
  EXPECT_EQ(queue.counts().waiting, 1);
  ::setenv("FERRY_TEST_NO_HANG", "1", 1);
  const auto second = worker();
  ::unsetenv("FERRY_TEST_NO_HANG");
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 10; }));
  for (const auto& [number, noted] : ledger.read()) EXPECT_EQ(noted, 1) << number;
}

TEST_F(WorkerDeathTest, EndsWithinTheTimeAllowedAlthoughTheThreadThatFetchedHangs) {
  if (test::is_slow_build) GTEST_SKIP() << "under a sanitizer no run is as short as it must be";
  const auto stuck = worker();
  // One by one: once the worker knows that they are short, it runs one where it was fetched.
  std::int64_t jobs = 0;
  ASSERT_TRUE(eventually([&] {
    accept({Step{1, "hang where fetched"}});
    ++jobs;
    return eventually([&] { return queue.counts().done == jobs || ledger.read().contains(1); }) &&
           ledger.read().contains(1);
  }));
  stuck->signal(SIGTERM);
  const auto status = stuck->wait_for(6s);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(*status, 0);
  EXPECT_EQ(queue.counts().waiting, 1);
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

TEST_F(WorkerDeathTest, FetchesNoMoreAfterTstpAndFinishesWhatItHolds) {
  accept(steps(10));
  const auto quiet = worker();
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 10; }));
  quiet->signal(SIGTSTP);
  // The fetch under way when the signal came may still take something: wait until it is over.
  std::this_thread::sleep_for(500ms);
  accept(steps(5));
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(queue.counts().waiting, 5);
  quiet->signal(SIGTERM);
  EXPECT_EQ(quiet->wait(), 0);
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--worker") return ferry::worker_role(argv + 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
