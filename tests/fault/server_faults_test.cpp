// A Redis that answers, but not as it should: held by somebody's script, out of disk, out of
// memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "redis/connection.hpp"
#include "support/effects.hpp"
#include "support/running_worker.hpp"
#include "support/traffic.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Effects;
using test::eventually;
using test::RunningWorker;
using test::Task;
using test::Traffic;

class ServerFaultsTest : public testing::Test {
 protected:
  explicit ServerFaultsTest(PrivateRedisOptions options = {}) : redis(std::move(options)) {}

  std::unique_ptr<RunningWorker> worker(std::chrono::milliseconds lease) {
    WorkerOptions options = test::worker_options(redis);
    options.lease = lease;
    options.log.level = LogLevel::off;
    Handlers handlers;
    handlers.on<Task>([this](const JobContext&, const Task& task) { effects.add(task.number); });
    return std::make_unique<RunningWorker>(options, handlers);
  }
  redis::Connection admin() const { return redis::Connection(test::redis_options(redis)); }
  std::string info(std::string_view field) const {
    const auto reply = admin().call({"INFO"});
    const std::string text(reply->root().text);
    const auto at = text.find("\r\n" + std::string(field) + ":");
    if (at == std::string::npos) return {};
    const auto begin = at + field.size() + 3;
    return text.substr(begin, text.find('\r', begin) - begin);
  }

  /// Waits until more jobs were accepted and run.
  void flows_on(const Traffic& traffic) {
    const int accepted = traffic.accepted();
    const std::size_t run = effects.size();
    EXPECT_TRUE(eventually(
        [&] { return traffic.accepted() > accepted + 100 && effects.size() > run + 100; }));
  }
  void expect_closed(Traffic& traffic) {
    const int accepted = traffic.stop();
    EXPECT_TRUE(eventually([&] { return queue.counts().done == accepted; }));
    EXPECT_EQ(traffic.lost_calls(), 0u);
    EXPECT_EQ(effects.size(), static_cast<std::size_t>(accepted));
    EXPECT_EQ(effects.repeated(), 0u);
    test::expect_books_closed(queue, accepted);
  }

  PrivateRedis redis;
  Queue queue{test::redis_options(redis), "default"};
  Effects effects;
};

class BusyRedisTest : public ServerFaultsTest {
 protected:
  BusyRedisTest() : ServerFaultsTest({.arguments = {"--lua-time-limit", "50"}}) {}

  /// Somebody else's script holds Redis for so long, then is killed.
  void hold_redis(std::chrono::milliseconds how_long) {
    std::thread tenant([this] {
      const auto killed = admin().command({"EVAL", "while true do end", "0"});
      EXPECT_TRUE(killed->root().is_error());
    });
    redis::Connection operator_(test::redis_options(redis));
    EXPECT_TRUE(eventually([&] {
      try {
        return operator_.command({"PING"})->root().text.starts_with("BUSY");
      } catch (const Error& error) {  // refused while it introduced itself
        return std::string(error.what()).find("BUSY") != std::string::npos;
      }
    }));
    std::this_thread::sleep_for(how_long);
    // A connection that was open before may kill; a new one could not introduce itself.
    EXPECT_EQ(killer.command({"SCRIPT", "KILL"})->root().text, "OK");
    tenant.join();
  }

  redis::Connection killer{test::redis_options(redis)};
};

TEST_F(BusyRedisTest, ProducersAndWorkersWaitForTheEndOfAScriptAndGoOn) {
  killer.connect();
  Traffic traffic(test::client_options(redis), 2);
  const auto first = worker(3s);
  const auto second = worker(3s);
  flows_on(traffic);
  hold_redis(500ms);
  flows_on(traffic);
  expect_closed(traffic);
  EXPECT_EQ((*first)->stats().stale + (*second)->stats().stale, 0u);
}

TEST_F(BusyRedisTest, NobodyIsTakenForDeadAfterAScriptLongerThanALease) {
  killer.connect();
  Traffic traffic(test::client_options(redis), 1);
  const auto first = worker(1s);
  const auto second = worker(1s);
  flows_on(traffic);
  hold_redis(2500ms);
  flows_on(traffic);
  expect_closed(traffic);
  for (const auto* each : {first.get(), second.get()}) {
    const WorkerStats stats = const_cast<RunningWorker&>(*each)->stats();
    EXPECT_EQ(stats.stale + stats.reclaimed_envelopes, 0u);
  }
}

/// A disk that is full: the server may not let a file grow any further. Its writes then fail as
/// they do on a full disk, with another error number.
class FullDiskTest : public ServerFaultsTest {
 protected:
  explicit FullDiskTest(Fsync fsync = Fsync::everysec)
      : ServerFaultsTest(ignoring_the_signal({.fsync = fsync})) {}

  /// Inherited by the server; else the first failed write would end it.
  static PrivateRedisOptions ignoring_the_signal(PrivateRedisOptions options) {
    std::signal(SIGXFSZ, SIG_IGN);
    return options;
  }
  void fill_disk() {
    limit_files(static_cast<rlim_t>(std::stoll(info("aof_current_size")) + 100'000));
  }
  void free_disk() { limit_files(RLIM_INFINITY); }
  void limit_files(rlim_t bytes) const {
    const rlimit limit{bytes, RLIM_INFINITY};
    ASSERT_EQ(::prlimit(redis.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  }
  bool disk_is_full() const { return info("aof_last_write_status") == "err"; }
};

TEST_F(FullDiskTest, ProducersWaitUntilThereIsRoomAgainAndNothingIsLost) {
  Traffic traffic(test::client_options(redis), 2);
  const auto first = worker(3s);
  flows_on(traffic);
  fill_disk();
  ASSERT_TRUE(eventually([&] { return disk_is_full(); }));
  std::this_thread::sleep_for(500ms);
  free_disk();
  flows_on(traffic);
  expect_closed(traffic);
  // What was acknowledged meanwhile is on the disk by now, too.
  ASSERT_TRUE(eventually([&] { return !disk_is_full() && info("aof_pending_bio_fsync") == "0"; }));
  const QueueCounts before = queue.counts();
  redis.kill();
  redis.start();
  Queue again(test::redis_options(redis), "default");
  EXPECT_EQ(again.counts().accepted, before.accepted);
  EXPECT_EQ(again.counts().done, before.done);
  EXPECT_TRUE(again.audit().balanced());
}

TEST_F(FullDiskTest, TellsTheCallerWhoCannotWaitWhatIsWrong) {
  ClientOptions options = test::client_options(redis);
  options.block_timeout = 300ms;
  Client client(options);
  fill_disk();
  std::int64_t stored = 0;
  std::shared_ptr<const Error> error;
  while (!error) {
    for (const auto& result :
         client.enqueue_all(std::vector<Task>(20, {0, std::string(2000, 'x')}))) {
      if (result) ++stored;
      if (!result) error = result.error;
    }
  }
  EXPECT_EQ(error->code(), ErrorCode::unavailable);
  EXPECT_THAT(error->what(), testing::HasSubstr("cannot write to its disk"));
  EXPECT_EQ(queue.counts().accepted, stored) << "reading goes on, and what failed is not stored";
  free_disk();
  ASSERT_TRUE(eventually([&] { return !disk_is_full(); }));
  client.enqueue(Task{1});
  EXPECT_EQ(queue.counts().accepted, stored + 1);
  EXPECT_TRUE(queue.audit().balanced());
}

class FullDurableDiskTest : public FullDiskTest {
 protected:
  FullDurableDiskTest() : FullDiskTest(Fsync::always) {}
};

// With fsync before each reply, Redis would rather end than acknowledge what it cannot write.
TEST_F(FullDurableDiskTest, LosesNothingWhenRedisEndsForLackOfRoom) {
  Traffic traffic(test::client_options(redis), 2);
  const auto first = worker(3s);
  flows_on(traffic);
  fill_disk();
  ASSERT_TRUE(eventually([&] {
    try {
      admin().call({"PING"});
      return false;
    } catch (const Error&) {
      return true;
    }
  }));
  redis.kill();  // it may still be on its way out
  redis.start();
  flows_on(traffic);
  expect_closed(traffic);
}

class FullMemoryTest : public ServerFaultsTest {
 protected:
  FullMemoryTest() : ServerFaultsTest({.maxmemory = 24 * 1024 * 1024}) {}
};

// Retries are parked, failures become dead letters, due jobs move: all of that while nothing fits.
TEST_F(FullMemoryTest, DrainsWithRetriesDeadLettersAndDueJobsWhileNothingMoreFits) {
  ClientOptions options = test::client_options(redis);
  options.block_timeout = 200ms;
  Client client(options);
  EnqueueOptions later;
  later.run_after = 500ms;
  int next = 0;
  std::int64_t stored = 0;
  std::int64_t doomed = 0;
  const auto fill = [&](int jobs, const EnqueueOptions& how) {
    std::vector<Task> tasks;
    for (int i = 0; i < jobs; ++i) tasks.push_back({next + i, std::string(10'000, 'x')});
    bool all = true;
    for (const auto& result : client.enqueue_all(tasks, how)) {
      const int number = next++;
      if (result) {
        ++stored;
        if (number % 50 == 0) ++doomed;
      } else {
        EXPECT_EQ(result.error->code(), ErrorCode::out_of_memory);
        all = false;
      }
    }
    return all;
  };
  ASSERT_TRUE(fill(200, later));
  while (fill(20, {})) {
  }
  ASSERT_GT(stored, 700);

  std::atomic<int> retried{0};
  Handlers handlers;
  handlers.on<Task>([&](const JobContext& context, const Task& task) {
    effects.add(task.number);
    if (task.number % 50 == 0) return fail("declined");
    if (task.number % 3 == 0 && context.attempt == 1) {
      ++retried;
      return retry_after(std::chrono::milliseconds{task.number % 2 == 0 ? 0 : 30}, "busy");
    }
    return done();
  });
  WorkerOptions working = test::worker_options(redis);
  working.log.level = LogLevel::off;
  RunningWorker running(working, handlers);
  EXPECT_TRUE(eventually([&] {
    const QueueCounts counts = queue.counts();
    return counts.done + counts.dead == stored;
  }));
  EXPECT_GT(retried, stored / 4);
  EXPECT_EQ(effects.size(), static_cast<std::size_t>(stored));
  test::expect_books_closed(queue, stored, doomed);
  EXPECT_NO_THROW(client.enqueue(Task{0})) << "and there is room again";
}

}  // namespace
}  // namespace ferry
