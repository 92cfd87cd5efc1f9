#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "support/client_fixture.hpp"

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

class EnqueueLimitsTest : public test::RedisTest {
 protected:
  ClientOptions bounded(WhenFull when_full, std::int64_t max_jobs) const {
    ClientOptions options = client_options();
    options.when_full = when_full;
    options.limits.max_jobs = max_jobs;
    return options;
  }
  QueueCounts counts(const std::string& queue = "default") const {
    return Queue(reach(), queue).counts();
  }
  static std::size_t failed_with(const std::vector<Receipt>& receipts, ErrorCode code) {
    std::size_t found = 0;
    for (const Receipt& receipt : receipts) {
      const auto result = receipt.get();
      if (!result && result.error->code() == code) ++found;
    }
    return found;
  }
};

TEST_F(EnqueueLimitsTest, RejectsWhatIsBeyondTheBoundAndSaysHowFullItIs) {
  Client client(bounded(WhenFull::reject, 5));
  for (int i = 0; i < 5; ++i) client.enqueue(Note{i});
  ASSERT_TRUE(eventually([&] { return counts().oldest_age >= 2ms; }));
  try {
    client.enqueue(Note{6});
    FAIL() << "the sixth job was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::full);
    EXPECT_EQ(error.fullness().depth_jobs, 5);
    EXPECT_GT(error.fullness().depth_bytes, 0);
    EXPECT_GT(error.fullness().oldest_age, 0ms);
    EXPECT_GT(error.fullness().retry_after, 0ms);
  }
  EXPECT_EQ(counts().accepted, 5);
  EXPECT_EQ(client.hint("default").depth_jobs, 5);
}

TEST_F(EnqueueLimitsTest, StoresExactlyAsManyOfABulkAsThereIsRoomFor) {
  Client client(bounded(WhenFull::reject, 100));
  for (int i = 0; i < 7; ++i) client.enqueue(Note{i});
  const auto results = client.enqueue_all(std::vector<Note>(300));
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_EQ(static_cast<bool>(results[i]), i < 93) << i;
    if (!results[i]) {
      ASSERT_EQ(results[i].error->code(), ErrorCode::full);
    }
  }
  EXPECT_EQ(counts().accepted, 100);
  EXPECT_EQ(client.stats().enqueued_jobs, 100u);
  EXPECT_EQ(client.stats().failed_jobs, 207u);
  EXPECT_TRUE(Queue(reach(), "default").audit().balanced());
}

TEST_F(EnqueueLimitsTest, HoldsTheBoundInBytes) {
  ClientOptions options = client_options();
  options.when_full = WhenFull::reject;
  options.limits.max_bytes = 10'000;
  Client client(options);
  const std::string payload(900, 'x');
  int stored_jobs = 0;
  try {
    for (int i = 0; i < 20; ++i, ++stored_jobs) client.enqueue_packed("blob", payload);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::full);
  }
  EXPECT_GE(stored_jobs, 9);
  EXPECT_LE(counts().bytes, 10'000);
  EXPECT_EQ(counts().accepted, stored_jobs);
}

TEST_F(EnqueueLimitsTest, RefusesNewJobsWhileTheOldestIsTooOld) {
  ClientOptions options = client_options();
  options.when_full = WhenFull::reject;
  options.limits.max_age = 20ms;
  Client client(options);
  client.enqueue(Note{1});
  ASSERT_TRUE(eventually([&] { return counts().oldest_age > 25ms; }));
  EnqueueOptions other_stream;
  other_stream.priority = Priority::high;
  try {
    client.enqueue(Note{2}, other_stream);
    FAIL() << "taken although the oldest job of the queue is too old";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::full);
    EXPECT_GT(error.fullness().oldest_age, 20ms);
  }
  EXPECT_EQ(counts().accepted, 1);
}

TEST_F(EnqueueLimitsTest, BlocksUntilRoomIsMade) {
  Client client(bounded(WhenFull::block, 5));
  for (int i = 0; i < 5; ++i) client.enqueue(Note{i});
  const std::uint64_t before = client.stats().redis_commands;
  const Receipt waiting = client.enqueue_async(Note{6});
  ASSERT_TRUE(eventually([&] { return client.stats().redis_commands > before; }))
      << "the sixth job was never tried";
  EXPECT_FALSE(waiting.ready());
  Queue queue(reach(), "default");
  ASSERT_EQ(queue.purge(), 5);
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(queue.counts().waiting, 1);
}

TEST_F(EnqueueLimitsTest, StoresABulkLargerThanTheBoundAsRoomIsMade) {
  Client client(bounded(WhenFull::block, 10));
  auto results =
      std::async(std::launch::async, [&] { return client.enqueue_all(std::vector<Note>(25)); });
  Queue queue(reach(), "default");
  std::int64_t purged = 0;
  ASSERT_TRUE(eventually([&] {
    if (queue.counts().waiting == 10) purged += queue.purge();
    return results.wait_for(0s) == std::future_status::ready;
  }));
  for (const auto& result : results.get()) EXPECT_TRUE(result);
  // The purge may have met jobs for which it had just made room.
  EXPECT_GE(purged, 15);
  EXPECT_EQ(purged + queue.counts().waiting, 25);
}

TEST_F(EnqueueLimitsTest, GivesUpWithFullWhenNoRoomIsMadeInTime) {
  ClientOptions options = bounded(WhenFull::block, 1);
  options.block_timeout = 50ms;
  Client client(options);
  client.enqueue(Note{1});
  try {
    client.enqueue(Note{2});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::full);
    EXPECT_EQ(error.fullness().depth_jobs, 1);
  }
  EXPECT_EQ(counts().accepted, 1);
}

TEST_F(EnqueueLimitsTest, AFullQueueDoesNotHoldUpTheOthers) {
  Client client(bounded(WhenFull::block, 3));
  std::vector<Receipt> stuck;
  for (int i = 0; i < 6; ++i) stuck.push_back(client.enqueue_async(Note{i}));
  ASSERT_TRUE(eventually([&] { return counts().waiting == 3; }));
  EnqueueOptions other;
  other.queue = "other";
  for (int i = 0; i < 3; ++i) client.enqueue(Note{i}, other);
  EXPECT_EQ(counts("other").waiting, 3);
  EXPECT_EQ(counts().waiting, 3);
  EXPECT_FALSE(stuck.back().ready());
  Queue(reach(), "default").purge();
  EXPECT_TRUE(stuck.back().get());
}

TEST_F(EnqueueLimitsTest, BoundsTheLocalBufferWhileRedisIsAway) {
  redis->kill();
  ClientOptions options = client_options();
  options.when_full = WhenFull::reject;
  options.buffer_jobs = 5;
  Client client(options);
  std::vector<Receipt> receipts;
  for (int i = 0; i < 8; ++i) receipts.push_back(client.enqueue_async(Note{i}));
  for (int i = 5; i < 8; ++i) {
    ASSERT_TRUE(receipts[i].ready()) << i;
    EXPECT_EQ(code_of(receipts[i]), ErrorCode::buffer_full);
  }
  EXPECT_FALSE(receipts[0].ready());
  redis->start();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(receipts[i].get()) << i;
  EXPECT_EQ(counts().accepted, 5);
}

TEST_F(EnqueueLimitsTest, BoundsTheLocalBufferInBytesToo) {
  redis->kill();
  ClientOptions options = client_options();
  options.when_full = WhenFull::reject;
  options.buffer_bytes = 64 * 1024;
  Client client(options);
  const std::string payload(30'000, 'x');
  const Receipt first = client.enqueue_packed_async("blob", payload);
  const Receipt second = client.enqueue_packed_async("blob", payload);
  const Receipt third = client.enqueue_packed_async("blob", payload);
  EXPECT_EQ(code_of(third), ErrorCode::buffer_full);
  redis->start();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
}

TEST_F(EnqueueLimitsTest, BlocksForRoomInTheLocalBuffer) {
  redis->kill();
  ClientOptions options = client_options();
  options.buffer_jobs = 2;
  Client client(options);
  std::vector<Receipt> held{client.enqueue_async(Note{1}), client.enqueue_async(Note{2})};
  auto third = std::async(std::launch::async, [&] { return client.enqueue_async(Note{3}); });
  EXPECT_EQ(third.wait_for(30ms), std::future_status::timeout);
  redis->start();
  EXPECT_TRUE(third.get().get());
  EXPECT_EQ(counts().accepted, 3);
}

TEST_F(EnqueueLimitsTest, EndsTheWaitForRoomInTheLocalBufferWithTheTimeOut) {
  redis->kill();
  ClientOptions options = client_options();
  options.buffer_jobs = 1;
  options.block_timeout = 20ms;
  Client client(options);
  const Receipt first = client.enqueue_async(Note{1});
  const Receipt second = client.enqueue_async(Note{2});
  EXPECT_EQ(code_of(first), ErrorCode::unavailable);
  // Its wait for room ends when the first job's wait for Redis does; either may be noticed first.
  EXPECT_THAT(code_of(second), ::testing::AnyOf(ErrorCode::buffer_full, ErrorCode::unavailable));
}

TEST_F(EnqueueLimitsTest, DropsTheOldestBufferedJobsToMakeRoom) {
  redis->kill();
  ClientOptions options = client_options();
  options.when_full = WhenFull::shed_oldest;
  options.buffer_jobs = 32;
  Client client(options);
  std::vector<Receipt> receipts;
  for (int i = 0; i < 100; ++i) receipts.push_back(client.enqueue_async(Note{i}));
  const std::uint64_t shed = client.stats().shed_jobs;
  EXPECT_GE(shed, 68u);
  EXPECT_LE(shed, 72u);
  redis->start();
  for (std::size_t i = 80; i < 100; ++i) EXPECT_TRUE(receipts[i].get()) << i;
  EXPECT_EQ(failed_with(receipts, ErrorCode::shed), shed);
  EXPECT_EQ(counts().accepted, static_cast<std::int64_t>(100 - shed));
}

TEST_F(EnqueueLimitsTest, DropsExpiredBufferedJobsToMakeRoom) {
  redis->kill();
  ClientOptions options = client_options();
  options.when_full = WhenFull::shed_expired;
  options.buffer_jobs = 10;
  Client client(options);
  EnqueueOptions short_lived;
  short_lived.expires_after = 50ms;
  std::vector<Receipt> receipts;
  for (int i = 0; i < 10; ++i) receipts.push_back(client.enqueue_async(Note{i}, short_lived));
  const Receipt lasting = client.enqueue_async(Note{11});  // waits for their end
  EXPECT_EQ(failed_with(receipts, ErrorCode::expired), 10u);
  EXPECT_EQ(client.stats().expired_jobs, 10u);
  redis->start();
  EXPECT_TRUE(lasting.get());
  EXPECT_EQ(counts().accepted, 1);
}

TEST_F(EnqueueLimitsTest, NeverStoresAJobThatExpiredInTheBuffer) {
  redis->kill();
  Client client(client_options());
  EnqueueOptions short_lived;
  short_lived.expires_after = 30ms;
  const Receipt before = client.enqueue_async(Note{1});
  const Receipt expired = client.enqueue_async(Note{2}, short_lived);
  const Receipt after = client.enqueue_async(Note{3});
  const auto begin = std::chrono::system_clock::now();
  ASSERT_TRUE(eventually([&] { return std::chrono::system_clock::now() - begin > 40ms; }));
  redis->start();
  EXPECT_TRUE(before.get());
  EXPECT_TRUE(after.get());
  EXPECT_EQ(code_of(expired), ErrorCode::expired);
  const auto jobs = stored();
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].id, before.id());
  EXPECT_EQ(jobs[1].id, after.id());
}

}  // namespace
}  // namespace ferry
