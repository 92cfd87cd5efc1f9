// Audits of queues that never stand still: never "wrong" of a healthy one, and never "well" of one
// whose books are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/effects.hpp"
#include "support/proxy.hpp"
#include "support/queue_fixture.hpp"
#include "support/running_worker.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Task;
using ::testing::HasSubstr;

class AuditTest : public test::QueueTest {
 protected:
  /// Looks that many times while jobs of every sort come and go.
  void look_at_busy(int looks, const std::function<void(const AuditReport&)>& see) {
    Handlers handlers;
    handlers.on<Task>([](const JobContext& context, const Task& task) {
      if (task.number % 7 == 0 && context.attempt == 1) return retry_after(20ms, "later");
      return task.number % 11 == 0 ? fail("no") : done();
    });
    test::RunningWorker worker(test::worker_options(*redis), std::move(handlers));
    std::atomic<bool> over = false;
    std::atomic<std::int64_t> stored = 0;
    std::vector<std::thread> producers;
    for (int thread = 0; thread < 4; ++thread) {
      producers.emplace_back([&] {  // each 1,000 a second, one by one
        Client busy(client_options());
        EnqueueOptions later;
        later.run_after = 15ms;
        auto next = std::chrono::steady_clock::now();
        for (int i = 0; !over; ++i) {
          busy.enqueue(Task{i, {}}, i % 20 == 0 ? later : EnqueueOptions{});
          ++stored;
          std::this_thread::sleep_until(next += 1ms);
        }
      });
    }
    // Far enough away that jobs move during each look.
    test::Proxy far(redis->socket_path(), redis->socket_path() + ".far");
    far.delay(1ms);
    RedisOptions options = reach();
    options.url = far.url();
    Queue look(options, "default");
    for (int i = 0; i < looks; ++i) {
      const std::int64_t before = stored;
      see(look.audit());
      EXPECT_GT(stored, before) << "not busy";
      // Else nothing but letters would be there in the end.
      if (i % 5 == 4) queue->drop_all_dead();
    }
    over = true;
    for (std::thread& producer : producers) producer.join();
  }
};

TEST_F(AuditTest, ABusyHealthyQueueIsNeverWrong) {
  int told = 0;
  look_at_busy(100, [&](const AuditReport& report) {
    EXPECT_TRUE(report.balanced() || report.busy) << report.violations.front();
    told += report.balanced() ? 1 : 0;
  });
  EXPECT_GE(told, 90) << "a queue of few envelopes is looked at as a whole";
}

TEST_F(AuditTest, ABusyQueueWithWrongBooksIsWrong) {
  int wrong = 0;
  admin->call({"HINCRBY", keys.state, "accepted", "1"});
  look_at_busy(20, [&](const AuditReport& report) {
    EXPECT_FALSE(report.balanced());
    wrong += report.busy ? 0 : 1;
  });
  EXPECT_GE(wrong, 18);
}

TEST_F(AuditTest, LooksAtQueuesOfEverySizeAtOnceOrSliceBySlice) {
  for (const int jobs : {1, 499, 500, 501, 1500, 4900, 5100}) {
    admin->call({"FLUSHDB"});
    for (int done = 0; done < jobs;) {
      const int some = std::min(jobs - done, 50);
      for (int i = 0; i < some; ++i) enqueue(1, static_cast<Priority>(i % 3));
      done += some;
    }
    let_in("w");
    for (int i = 0; i < std::min(jobs, 3); ++i) take("w", Priority::high);
    EXPECT_TRUE(queue->audit().balanced()) << jobs;
    admin->call({"HINCRBY", keys.state, "bytes", "1"});
    const AuditReport wrong = queue->audit();
    ASSERT_EQ(wrong.violations.size(), 1U) << jobs;
    EXPECT_FALSE(wrong.busy);
    EXPECT_THAT(wrong.violations[0], HasSubstr("stored bytes"));
    EXPECT_EQ(wrong.found_in_stream, jobs);
  }
}

TEST_F(AuditTest, WithoutTransactionsItSaysWrongOnlyOfWhatStandsStill) {
  admin->call({"ACL", "SETUSER", "default", "-multi"});
  enqueue(5);
  EXPECT_TRUE(queue->audit().balanced());
  admin->call({"HINCRBY", keys.state, "accepted", "1"});
  EXPECT_FALSE(queue->audit().balanced());
  EXPECT_FALSE(queue->audit().busy);
  admin->call({"HINCRBY", keys.state, "accepted", "-1"});
  look_at_busy(20, [&](const AuditReport& report) {
    EXPECT_TRUE(report.balanced() || report.busy) << report.violations.front();
  });
  admin->call({"ACL", "SETUSER", "default", "+multi"});
}

}  // namespace
}  // namespace ferry
