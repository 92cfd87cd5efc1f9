// What a dead worker held comes back in batches, not one job after the other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;

struct Parcel {
  static constexpr std::string_view kind = "parcel";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

constexpr int job_count = 2000;

class WorkerSuspectsTest : public testing::Test {
 protected:
  /// A worker by hand: takes everything there is, and is never heard of again.
  void fetch_and_die(const std::string& queue_name) {
    redis::Connection connection(test::redis_options(redis));
    const Keys keys("ferry", queue_name);
    const std::string dead = "dead-" + queue_name;
    connection.call({"FCALL", "ferry_v1_register", "5", keys.control, keys.workers, keys.ready[0],
                     keys.ready[1], keys.ready[2], dead});
    connection.call(
        {"XREADGROUP", "GROUP", group_name, dead, "COUNT", "10000", "STREAMS", keys.ready[1], ">"});
  }

  void enqueue(const std::string& queue_name, std::size_t jobs_per_envelope) {
    auto options = test::client_options(redis);
    options.queue = queue_name;
    options.max_jobs_per_envelope = jobs_per_envelope;
    Client client(options);
    for (const auto& result : client.enqueue_all(std::vector<Parcel>(job_count))) {
      ASSERT_TRUE(result);
    }
  }

  WorkerOptions options(const std::vector<std::string>& queue_names) {
    auto options = test::worker_options(redis);
    options.queues.clear();
    for (const auto& name : queue_names) options.queues.push_back({name, 1});
    options.lease = 200ms;
    return options;
  }

  std::int64_t done(const std::string& queue_name) {
    return Queue(test::redis_options(redis), queue_name).counts().done;
  }

  PrivateRedis redis;
};

TEST_F(WorkerSuspectsTest, JobsOfADeadWorkerRunInBatchesAlthoughEachHasItsOwnEnvelope) {
  enqueue("one", 1);
  fetch_and_die("one");
  Handlers handlers;
  std::atomic<std::size_t> largest{0};
  handlers.on_batch<Parcel>(realtime(1000), [&](Batch<Parcel>& batch) {
    EXPECT_EQ(batch.reason(), LeaveReason::suspect);
    for (auto& item : batch) EXPECT_EQ(item.context().deliveries, 0);
    if (batch.size() > largest) largest = batch.size();
  });
  test::RunningWorker worker(options({"one"}), std::move(handlers));
  ASSERT_TRUE(test::eventually([&] { return done("one") == job_count; }, 60s));
  EXPECT_GT(largest, 1u);
  EXPECT_LT(worker->stats().settle_calls, job_count / 4u) << "one by one it would be two for each";
}

TEST_F(WorkerSuspectsTest, JobsOfSeveralQueuesAreNotedInTheirOwn) {
  enqueue("one", 100);
  enqueue("two", 100);
  fetch_and_die("one");
  fetch_and_die("two");
  Handlers handlers;
  handlers.on_batch<Parcel>(realtime(1000), [](Batch<Parcel>&) {});
  test::RunningWorker worker(options({"one", "two"}), std::move(handlers));
  ASSERT_TRUE(
      test::eventually([&] { return done("one") == job_count && done("two") == job_count; }, 60s));
  for (const auto* name : {"one", "two"}) {
    EXPECT_THAT(Queue(test::redis_options(redis), name).audit().violations, testing::IsEmpty());
  }
  EXPECT_EQ(worker->stats().stale, 0u);
}

}  // namespace
}  // namespace ferry
