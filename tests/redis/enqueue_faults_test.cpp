#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "redis/connection.hpp"
#include "support/client_fixture.hpp"
#include "support/proxy.hpp"
#include "support/send_signal.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Note;

/// Returns: nothing when the job is stored.
std::optional<ErrorCode> code_of(const Receipt& receipt) {
  const EnqueueResult result = receipt.get();
  return result ? std::nullopt : std::optional(result.error->code());
}

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "the call succeeded";
  return ErrorCode::internal;
}

class EnqueueFaultsTest : public test::RedisTest {
 protected:
  using RedisTest::RedisTest;

  std::multiset<JobId> stored_ids() const {
    std::multiset<JobId> ids;
    for (const JobInfo& job : stored()) ids.insert(job.id);
    return ids;
  }
  QueueCounts counts() const { return Queue(reach(), "default").counts(); }
  std::string proxy_path() const { return redis->socket_path() + ".proxy"; }
};

class DurableEnqueueTest : public EnqueueFaultsTest {
 protected:
  DurableEnqueueTest() : EnqueueFaultsTest({.fsync = Fsync::always}) {}
};

/// Threads that enqueue until told to stop, and what they were told.
class Storm {
 public:
  Storm(Client& client, int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this, &client] { run(client); });
  }
  void stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  ~Storm() { stop(); }

  std::size_t told() const { return told_; }
  std::size_t failed() const { return failed_; }
  const std::map<JobId, std::shared_ptr<const Error>>& results() const { return results_; }

 private:
  void run(Client& client) {
    for (int number = 0; !stop_; ++number) {
      std::vector<Receipt> receipts;
      for (int i = 0; i < 3; ++i) receipts.push_back(client.enqueue_async(Note{number}));
      for (const Receipt& receipt : receipts) {
        const EnqueueResult result = receipt.get();
        ++told_;
        if (!result) ++failed_;
        const std::scoped_lock lock(mutex_);
        results_[receipt.id()] = result.error;
      }
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> told_{0};
  std::atomic<std::size_t> failed_{0};
  std::mutex mutex_;
  std::map<JobId, std::shared_ptr<const Error>> results_;
  std::vector<std::thread> threads_;
};

TEST_F(DurableEnqueueTest, StoresEveryAcknowledgedJobOnceThoughRedisIsKilledAgainAndAgain) {
  Client client(client_options());
  Storm storm(client, 6);
  for (int i = 0; i < 3; ++i) {
    const std::size_t before = storm.told();
    ASSERT_TRUE(eventually([&] { return storm.told() > before + 200; }));
    redis->kill();
    redis->start();
  }
  const std::size_t before = storm.told();
  ASSERT_TRUE(eventually([&] { return storm.told() > before + 50; }));
  storm.stop();
  std::multiset<JobId> expected;
  for (const auto& [id, error] : storm.results()) {
    ASSERT_EQ(error, nullptr) << error->what();
    expected.insert(id);
  }
  EXPECT_EQ(stored_ids(), expected);
  EXPECT_EQ(counts().accepted, static_cast<std::int64_t>(expected.size()));
  EXPECT_EQ(client.stats().enqueued_jobs, expected.size());
  EXPECT_EQ(client.stats().lost_calls, 0u);
  EXPECT_GE(client.stats().reconnects, 3u);
  EXPECT_TRUE(Queue(reach(), "default").audit().balanced());
}

TEST_F(DurableEnqueueTest, StoresNothingOfWhatItReportsAsUnavailable) {
  ClientOptions options = client_options();
  options.block_timeout = 50ms;
  Client client(options);
  Storm storm(client, 4);
  for (int i = 0; i < 3; ++i) {
    const std::size_t before = storm.told();
    ASSERT_TRUE(eventually([&] { return storm.told() > before + 100; }));
    const std::size_t failed = storm.failed();
    redis->kill();
    ASSERT_TRUE(eventually([&] { return storm.failed() > failed + 20; }));
    redis->start();
  }
  storm.stop();
  const auto stored_now = stored_ids();
  std::size_t unavailable = 0;
  for (const auto& [id, error] : storm.results()) {
    const std::size_t times = stored_now.count(id);
    if (error == nullptr) {
      EXPECT_EQ(times, 1u) << "acknowledged";
    } else if (error->code() == ErrorCode::unavailable) {
      ++unavailable;
      EXPECT_EQ(times, 0u) << error->what();
    } else {
      EXPECT_EQ(error->code(), ErrorCode::outcome_unknown) << error->what();
      EXPECT_LE(times, 1u);
    }
  }
  EXPECT_GE(unavailable, 20u);
  EXPECT_EQ(client.stats().lost_calls, 0u);
  EXPECT_TRUE(Queue(reach(), "default").audit().balanced());
}

TEST_F(EnqueueFaultsTest, StoresNoSecondJobWhereverTheReplyIsCutOff) {
  test::Proxy proxy(redis->socket_path(), proxy_path());
  ClientOptions options = client_options();
  options.redis.url = proxy.url();
  Client client(options);
  client.enqueue(Note{0});
  std::int64_t jobs = 1;
  int cuts = 0;
  while (true) {
    // With a length beyond the reply's the cut stays pending: every position was tried.
    proxy.cut_after(cuts);
    client.enqueue(Note{cuts});
    ++jobs;
    if (proxy.cut_pending()) break;
    ++cuts;
    ASSERT_EQ(client.stats().duplicate_calls, static_cast<std::uint64_t>(cuts));
    ASSERT_LT(cuts, 200);
  }
  proxy.never_cut();
  EXPECT_GE(cuts, 20) << "a reply has more bytes than that";
  EXPECT_EQ(counts().accepted, jobs);
  EXPECT_EQ(stored().size(), static_cast<std::size_t>(jobs));
  EXPECT_EQ(client.stats().enqueued_jobs, static_cast<std::uint64_t>(jobs));
  EXPECT_EQ(client.stats().lost_calls, 0u);
}

TEST_F(EnqueueFaultsTest, SurvivesACutAnywhereInTheFirstExchange) {
  // The functions, the set of queues and the first call: a client that has seen nothing yet.
  for (std::int64_t cut = 0;; ++cut) {
    test::Proxy proxy(redis->socket_path(), proxy_path());
    ClientOptions options = client_options();
    options.redis.url = proxy.url();
    options.queue = "first" + std::to_string(cut);
    proxy.cut_after(cut);
    {
      Client client(options);
      client.enqueue(Note{1});
    }
    ASSERT_EQ(Queue(reach(), options.queue).counts().accepted, 1) << cut;
    if (proxy.cut_pending()) break;
    ASSERT_LT(cut, 1000);
  }
}

TEST_F(EnqueueFaultsTest, ReportsWhatRedisHasLostAndStoresTheJobAtHand) {
  ClientOptions options = client_options();
  std::vector<std::pair<std::string, std::int64_t>> losses;
  options.on_loss = [&](const Loss& loss) {
    losses.emplace_back(loss.queue, loss.lost_calls);
    EXPECT_EQ(loss.lost_jobs, 4);
    EXPECT_TRUE(loss.exact);
  };
  Client client(options);
  for (int i = 0; i < 4; ++i) client.enqueue(Note{i});
  redis::Connection admin(reach());
  admin.connect();
  admin.call({"FLUSHALL"});
  const JobId id = client.enqueue(Note{4});
  EXPECT_EQ(losses, (std::vector<std::pair<std::string, std::int64_t>>{{"default", 4}}));
  EXPECT_EQ(stored_ids(), std::multiset<JobId>{id});
  EXPECT_EQ(client.stats().lost_calls, 4u);
  client.enqueue(Note{5});
  EXPECT_EQ(losses.size(), 1u);
  EXPECT_EQ(Queue::list(reach()), std::vector<std::string>{"default"});
}

TEST_F(EnqueueFaultsTest, NoticesTheLossWhenRedisComesBackWithoutItsData) {
  Client client(client_options());
  for (int i = 0; i < 3; ++i) client.enqueue(Note{i});
  redis->kill();
  redis->start();
  const JobId id = client.enqueue(Note{3});
  EXPECT_EQ(stored_ids(), std::multiset<JobId>{id});
  EXPECT_EQ(client.stats().lost_calls, 3u);
}

TEST_F(EnqueueFaultsTest, GoesOnAfterACallbackThatThrows) {
  ClientOptions options = client_options();
  options.on_loss = [](const Loss&) { throw std::runtime_error("mine"); };
  Client client(options);
  client.enqueue(Note{1});
  redis::Connection admin(reach());
  admin.connect();
  admin.call({"FLUSHALL"});
  EXPECT_NO_THROW(client.enqueue(Note{2}));
}

TEST_F(EnqueueFaultsTest, WaitsForARedisThatIsAwayAtFirst) {
  redis->kill();
  Client client(client_options());
  const Receipt receipt = client.enqueue_async(Note{1});
  std::thread caller([&] { EXPECT_NO_THROW(client.enqueue(Note{2})); });
  EXPECT_FALSE(receipt.ready());
  redis->start();
  EXPECT_TRUE(receipt.get());
  caller.join();
  EXPECT_EQ(counts().waiting, 2);
}

TEST_F(EnqueueFaultsTest, SaysUnavailableWhenRedisStaysAway) {
  redis->kill();
  ClientOptions options = client_options();
  options.block_timeout = 50ms;
  Client client(options);
  EXPECT_EQ(code_of([&] { client.enqueue(Note{1}); }), ErrorCode::unavailable);
  const Receipt receipt = client.enqueue_async(Note{2});
  EXPECT_EQ(code_of(receipt), ErrorCode::unavailable);
  EXPECT_NO_THROW(client.flush()) << "what failed is settled too";
}

TEST_F(EnqueueFaultsTest, TriesOnceWithoutAnyTimeToWait) {
  ClientOptions options = client_options();
  options.block_timeout = 0ms;
  Client client(options);
  EXPECT_NO_THROW(client.enqueue(Note{1}));
  redis->kill();
  EXPECT_EQ(code_of([&] { client.enqueue(Note{2}); }), ErrorCode::outcome_unknown);
  EXPECT_EQ(code_of([&] { client.enqueue(Note{3}); }), ErrorCode::unavailable);
}

TEST_F(EnqueueFaultsTest, SaysThatTheOutcomeIsUnknownWhenRedisHangs) {
  ClientOptions options = client_options();
  options.block_timeout = 100ms;
  Client client(options);
  client.enqueue(Note{1});
  test::send_signal(redis->pid(), SIGSTOP);
  EXPECT_EQ(code_of([&] { client.enqueue(Note{2}); }), ErrorCode::outcome_unknown);
  test::send_signal(redis->pid(), SIGCONT);
  ASSERT_TRUE(eventually([&] {
    try {
      client.enqueue(Note{3});
      return true;
    } catch (const Error&) {
      return false;
    }
  }));
  EXPECT_EQ(client.stats().lost_calls, 0u) << "an unknown outcome is no loss";
  EXPECT_TRUE(Queue(reach(), "default").audit().balanced());
}

TEST_F(EnqueueFaultsTest, SettlesEveryReceiptBeforeTheClientIsGone) {
  redis->kill();
  ClientOptions options = client_options();
  options.block_timeout = 30ms;
  std::vector<Receipt> receipts;
  {
    Client client(options);
    for (int i = 0; i < 10; ++i) receipts.push_back(client.enqueue_async(Note{i}));
  }
  for (const Receipt& receipt : receipts) {
    ASSERT_TRUE(receipt.ready());
    EXPECT_THAT(code_of(receipt), ::testing::AnyOf(ErrorCode::stopped, ErrorCode::unavailable));
  }
}

class LockedEnqueueTest : public EnqueueFaultsTest {
 protected:
  LockedEnqueueTest() : EnqueueFaultsTest({.arguments = {"--requirepass", "secret"}}) {}
};

TEST_F(LockedEnqueueTest, IsDeniedAtOnceWithoutTheRightPassword) {
  EXPECT_EQ(code_of([&] { Client(client_options()).enqueue(Note{1}); }), ErrorCode::denied);
  ClientOptions options = client_options();
  options.redis.url = "unix://:wrong@" + redis->socket_path();
  try {
    Client(options).enqueue(Note{1});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::denied);
    EXPECT_EQ(std::string(error.what()).find("wrong"), std::string::npos) << error.what();
  }
  options.redis.url = "unix://:secret@" + redis->socket_path();
  EXPECT_NO_THROW(Client(options).enqueue(Note{1}));
}

class SmallEnqueueTest : public EnqueueFaultsTest {
 protected:
  SmallEnqueueTest() : EnqueueFaultsTest({.maxmemory = 6 * 1024 * 1024}) {}
};

TEST_F(SmallEnqueueTest, SaysOutOfMemoryAtOnceAndStoresAgainWhenThereIsRoom) {
  Client client(client_options());
  const std::string payload(200'000, 'x');
  int jobs = 0;
  EXPECT_EQ(code_of([&] {
              for (; jobs < 100; ++jobs) client.enqueue_packed("blob", payload);
            }),
            ErrorCode::out_of_memory);
  EXPECT_GT(jobs, 0);
  Queue queue(reach(), "default");
  EXPECT_EQ(queue.counts().waiting, jobs);
  EXPECT_EQ(queue.purge(), jobs);
  EXPECT_NO_THROW(client.enqueue_packed("blob", payload));
}

}  // namespace
}  // namespace ferry
