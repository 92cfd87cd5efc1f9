// Jobs of a kind that a worker has no handler for wait for one that has, as while an old release
// runs beside a new one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "support/log_file.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;

struct Known {
  static constexpr std::string_view kind = "known";
  int value = 0;
  MSGPACK_DEFINE_MAP(value)
};

struct Fresh {
  static constexpr std::string_view kind = "fresh";
  int value = 0;
  MSGPACK_DEFINE_MAP(value)
};

class UnknownKindsTest : public testing::Test {
 protected:
  Handlers old_release() {
    Handlers handlers;
    handlers.on<Known>([this](const JobContext&, const Known&) { ++known; });
    return handlers;
  }
  Handlers new_release() {
    Handlers handlers = old_release();
    handlers.on<Fresh>([this](const JobContext&, const Fresh&) { ++fresh; });
    return handlers;
  }
  std::int64_t waiting_for_a_handler() {
    std::int64_t envelopes = 0;
    for (const SetAside& one : queue.set_aside()) envelopes += one.envelopes;
    return envelopes;
  }
  void expect_balanced() { EXPECT_THAT(queue.audit().violations, testing::IsEmpty()); }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  std::atomic<int> known = 0;
  std::atomic<int> fresh = 0;
};

TEST_F(UnknownKindsTest, AreDoneByTheNewReleaseBesideTheOld) {
  test::RunningWorker old_worker(test::worker_options(redis), old_release());
  test::RunningWorker new_worker(test::worker_options(redis), new_release());
  for (int i = 0; i < 2000; ++i) {
    EXPECT_TRUE(client.enqueue_async(Fresh{i}).get());
    if (i % 10 == 0) client.enqueue(Known{i});
  }
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 2200; }));
  EXPECT_EQ(fresh, 2000);
  EXPECT_EQ(known, 200);
  EXPECT_EQ(queue.counts().dead, 0);
  expect_balanced();
}

TEST_F(UnknownKindsTest, LeaveAnEnvelopeThatHoldsKnownOnes) {
  {
    test::RunningWorker old_worker(test::worker_options(redis), old_release());
    std::vector<Receipt> receipts;  // nobody waits between them, so they share envelopes
    for (int i = 0; i < 100; ++i) {
      receipts.push_back(client.enqueue_async(Known{i}));
      receipts.push_back(client.enqueue_async(Fresh{i}));
    }
    for (Receipt& receipt : receipts) EXPECT_TRUE(receipt.get());
    ASSERT_TRUE(eventually([&] { return known == 100 && waiting_for_a_handler() > 0; }));
    EXPECT_EQ(queue.counts().dead, 0);
  }
  test::RunningWorker new_worker(test::worker_options(redis), new_release());
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 200; }));
  EXPECT_EQ(fresh, 100);
  EXPECT_EQ(waiting_for_a_handler(), 0);
  expect_balanced();
}

TEST_F(UnknownKindsTest, AreWarnedOfOnceAndSurviveTheWorker) {
  const test::LogFile log;
  WorkerOptions options = test::worker_options(redis);
  options.log = {LogFormat::json, LogLevel::warning};
  {
    test::RunningWorker old_worker(options, old_release());
    for (int i = 0; i < 50; ++i) client.enqueue(Fresh{i});
    ASSERT_TRUE(eventually([&] { return waiting_for_a_handler() == 50; }));
  }
  const auto warnings =
      log.lines("no handler for a kind; its jobs wait in Redis for a worker that has one");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].at("kind"), "fresh");
  EXPECT_EQ(waiting_for_a_handler(), 50) << "also when the worker has stopped";
  const std::vector<SetAside> aside = queue.set_aside();
  ASSERT_EQ(aside.size(), 1u);
  EXPECT_EQ(aside[0].kind, "fresh");
  EXPECT_EQ(queue.counts().done + queue.counts().dead, 0);
  expect_balanced();
}

TEST_F(UnknownKindsTest, AreDeadLettersWhereTheWorkerSaysSo) {
  {
    test::RunningWorker old_worker(test::worker_options(redis), old_release());
    for (int i = 0; i < 20; ++i) client.enqueue(Fresh{i});
    ASSERT_TRUE(eventually([&] { return waiting_for_a_handler() == 20; }));
  }
  WorkerOptions options = test::worker_options(redis);
  options.unknown_kind = UnknownKind::dead_letter;
  test::RunningWorker strict(options, old_release());
  client.enqueue(Fresh{20});
  ASSERT_TRUE(eventually([&] { return queue.counts().dead == 21; })) << "also what waited before";
  EXPECT_THAT(queue.jobs(JobState::dead, 1).jobs.at(0).reason,
              testing::StartsWith("no handler for kind fresh"));
  expect_balanced();
}

TEST_F(UnknownKindsTest, OfTooManyKindsAreDeadLetters) {
  test::RunningWorker worker(test::worker_options(redis), old_release());
  for (int i = 0; i < 120; ++i) client.enqueue_packed("kind_" + std::to_string(i), "\x80");
  ASSERT_TRUE(eventually([&] { return queue.counts().dead + waiting_for_a_handler() == 120; }));
  EXPECT_EQ(waiting_for_a_handler(), 100);
  expect_balanced();
}

}  // namespace
}  // namespace ferry
