// The time of day jumps by an hour, either way, under Redis or under a worker.

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "scratch_folder.hpp"
#include "support/child.hpp"
#include "support/effects.hpp"
#include "support/fake_clock.hpp"
#include "support/ledger.hpp"
#include "support/running_worker.hpp"
#include "support/traffic.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::Effects;
using test::eventually;
using test::FakeClock;
using test::Ledger;
using test::RunningWorker;
using test::Task;
using test::Traffic;

constexpr std::chrono::milliseconds lease{1000};

/// The child's role: a worker that notes what it has done. Arguments: URL, ledger.
int worker_role(char** arguments) {
  Child::die_with_parent();
  WorkerOptions options;
  options.redis.url = arguments[0];
  options.concurrency = 4;
  options.lease = lease;
  options.log.level = LogLevel::off;
  options.print_stats_on_stop = false;
  const Ledger ledger(arguments[1]);
  Handlers handlers;
  handlers.on<Task>([&](const JobContext& context, const Task& task) {
    if (task.text == "twice" && context.attempt == 1) return retry_after(20ms, "once more");
    ledger.note(task.number);
    return done();
  });
  Worker worker(options, handlers);
  StopOnSignal stop(worker);
  return worker.run();
}

class ClockTest : public testing::Test {
 protected:
  ScratchFolder folder;
  FakeClock clock{folder.file("shift")};
};

class RedisClockTest : public ClockTest {
 protected:
  PrivateRedis under_the_clock() {
    const FakeClock::Scope scope(clock);
    return PrivateRedis{};
  }
  std::unique_ptr<RunningWorker> worker() {
    WorkerOptions options = test::worker_options(redis);
    options.lease = lease;
    options.log.level = LogLevel::off;
    Handlers handlers;
    handlers.on<Task>([this](const JobContext&, const Task& task) { effects.add(task.number); });
    return std::make_unique<RunningWorker>(options, handlers);
  }
  std::int64_t redis_seconds() {
    return std::stoll(std::string(admin.call({"TIME"})->root()[0].text));
  }
  /// Sets the clock; Redis sees it from now on.
  void jump_to(std::chrono::seconds shift) {
    const std::int64_t before = redis_seconds();
    clock.set(shift);
    const std::int64_t jumped = redis_seconds() - before;
    EXPECT_LT(std::abs(jumped - (shift - shift_).count()), 60);
    shift_ = shift;
  }
  void flows_on(const Traffic& traffic) {
    const int accepted = traffic.accepted();
    const std::size_t run = effects.size();
    EXPECT_TRUE(eventually(
        [&] { return traffic.accepted() > accepted + 200 && effects.size() > run + 200; }));
  }

  PrivateRedis redis = under_the_clock();
  Queue queue{test::redis_options(redis), "default"};
  Client client{test::client_options(redis)};
  redis::Connection admin{test::redis_options(redis)};
  Keys keys{"ferry", "default"};
  Effects effects;

 private:
  std::chrono::seconds shift_{0};
};

// Right after a jump forward everybody's heartbeat is an hour old; after one back it lies ahead.
TEST_F(RedisClockTest, NobodyLosesALeaseWhenTheClockOfRedisJumps) {
  Traffic traffic(test::client_options(redis), 2);
  const auto first = worker();
  const auto second = worker();
  flows_on(traffic);
  jump_to(1h);
  flows_on(traffic);
  std::this_thread::sleep_for(2 * lease);  // if anybody was to be struck off, it would be now
  flows_on(traffic);
  jump_to(0h);
  flows_on(traffic);
  std::this_thread::sleep_for(2 * lease);
  flows_on(traffic);
  jump_to(-1h);
  flows_on(traffic);
  const int accepted = traffic.stop();
  ASSERT_TRUE(eventually([&] { return queue.counts().done == accepted; }));
  for (const auto* each : {first.get(), second.get()}) {
    const WorkerStats stats = const_cast<RunningWorker&>(*each)->stats();
    EXPECT_EQ(stats.stale + stats.reclaimed_envelopes, 0u);
  }
  EXPECT_EQ(traffic.lost_calls(), 0u);
  EXPECT_EQ(effects.size(), static_cast<std::size_t>(accepted));
  EXPECT_EQ(effects.repeated(), 0u);
  test::expect_books_closed(queue, accepted);
}

// Its heartbeat lies an hour ahead, yet it is not waited for until then.
TEST_F(RedisClockTest, TheDeadAreStillFoundAfterTheClockWentBack) {
  for (int i = 0; i < 3; ++i) client.enqueue(Task{i});
  admin.call({"FCALL", "ferry_v1_register", "5", keys.state, keys.workers, keys.ready[0],
              keys.ready[1], keys.ready[2], "gone"});
  admin.call({"XREADGROUP", "GROUP", group_name, "gone", "STREAMS", keys.ready[1], ">"});
  jump_to(-1h);
  const auto living = worker();
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 3; }));
  EXPECT_EQ((*living)->stats().reclaimed_envelopes, 3u);
  test::expect_books_closed(queue, 3);
}

TEST_F(RedisClockTest, DueTimesGoByTheClockOfRedis) {
  EnqueueOptions later;
  later.run_after = 30min;
  client.enqueue(Task{1}, later);
  const auto running = worker();
  client.enqueue(Task{2});
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 1; }));
  EXPECT_EQ(queue.counts().delayed, 1);
  jump_to(1h);
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 2; }));

  // It is due in two seconds; then the clock goes back, and it has to wait until it comes again.
  later.run_after = 2s;
  client.enqueue(Task{3}, later);
  jump_to(0h);
  client.enqueue(Task{4});
  ASSERT_TRUE(eventually([&] { return effects.of(4) == 1; }));
  EXPECT_EQ(effects.of(3), 0);
  jump_to(1h);
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 4; }));
  test::expect_books_closed(queue, 4);
}

TEST_F(RedisClockTest, EntriesStayInOrderAndAgesPositiveAfterTheClockWentBack) {
  for (int i = 0; i < 3; ++i) client.enqueue(Task{i});
  jump_to(-1h);
  for (int i = 3; i < 6; ++i) client.enqueue(Task{i});
  EXPECT_EQ(queue.counts().oldest_age, 0ms) << "not an hour into the future";
  EXPECT_GE(client.hint("default").oldest_age, 0ms);
  std::vector<int> order;
  std::mutex mutex;
  WorkerOptions options = test::worker_options(redis);
  options.concurrency = 1;
  Handlers handlers;
  handlers.on<Task>([&](const JobContext&, const Task& task) {
    const std::lock_guard lock(mutex);
    order.push_back(task.number);
  });
  RunningWorker running(options, handlers);
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 6; }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
  test::expect_books_closed(queue, 6);
}

class WorkerClockTest : public ClockTest {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer must be the first library of a process";
#endif
  }
};

// Whoever sets `expires_after` relies on two clocks: the producer's and the worker's.
TEST_F(WorkerClockTest, ExpiresWhatIsLateByItsOwnClock) {
  PrivateRedis redis;
  Queue queue(test::redis_options(redis), "default");
  const Ledger ledger(folder.file("ledger"));
  clock.set(1h);
  std::unique_ptr<Child> fast;
  {
    const FakeClock::Scope scope(clock);
    fast =
        std::make_unique<Child>(std::vector<std::string>{"--worker", redis.url(), ledger.path()});
  }
  Client client(test::client_options(redis));
  EnqueueOptions brief;
  brief.expires_after = 30min;
  client.enqueue(Task{1}, brief);
  brief.expires_after = 90min;
  client.enqueue(Task{2}, brief);
  ASSERT_TRUE(eventually([&] { return queue.counts().done + queue.counts().expired == 2; }));
  EXPECT_EQ(queue.counts().expired, 1);
  EXPECT_EQ(ledger.read().count(2), 1u);
  EXPECT_TRUE(queue.audit().balanced());
}

TEST_F(WorkerClockTest, ItsLeasesAndRetriesDoNotCare) {
  PrivateRedis redis;
  Queue queue(test::redis_options(redis), "default");
  const Ledger ledger(folder.file("ledger"));
  std::unique_ptr<Child> jumping;
  {
    const FakeClock::Scope scope(clock);
    jumping =
        std::make_unique<Child>(std::vector<std::string>{"--worker", redis.url(), ledger.path()});
  }
  Child steady({"--worker", redis.url(), ledger.path()});
  Client client(test::client_options(redis));
  int next = 0;
  const auto flow = [&] {
    std::vector<Task> tasks;
    for (int i = 0; i < 200; ++i) tasks.push_back({next++, i % 10 == 0 ? "twice" : ""});
    for (const auto& result : client.enqueue_all(tasks)) EXPECT_TRUE(result);
    EnqueueOptions soon;
    soon.run_after = 50ms;
    client.enqueue(Task{next++}, soon);
    EXPECT_TRUE(eventually([&] { return queue.counts().done == next; }));
  };
  for (const std::chrono::hours shift : {0h, 1h, 0h, -1h, 1h}) {
    clock.set(shift);
    flow();
  }
  EXPECT_EQ(queue.counts().workers, 2) << "nobody had to come back under a new name";
  for (Child* each : {jumping.get(), &steady}) each->signal(SIGTERM);
  EXPECT_EQ(jumping->wait(), 0);
  EXPECT_EQ(steady.wait(), 0);
  const auto times = ledger.read();
  EXPECT_EQ(times.size(), static_cast<std::size_t>(next));
  for (const auto& [number, noted] : times) EXPECT_EQ(noted, 1) << number;
  test::expect_books_closed(queue, next);
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--worker") return ferry::worker_role(argv + 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
