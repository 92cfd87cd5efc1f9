// What a producer learns of jobs that Redis had acknowledged and has lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <string>
#include <vector>

#include "redis/connection.hpp"
#include "support/client_fixture.hpp"
#include "support/send_signal.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Note;

class LossTest : public test::RedisTest {
 protected:
  /// A client that notes what it is told.
  ClientOptions noting() {
    ClientOptions options = client_options();
    options.on_loss = [this](const Loss& loss) {
      calls[loss.queue] += loss.lost_calls;
      jobs[loss.queue] += loss.lost_jobs;
      EXPECT_TRUE(loss.exact);
    };
    return options;
  }
  /// Redis comes back without its data.
  void lose_everything() {
    redis->kill();
    redis->start();
  }

  std::map<std::string, std::int64_t> calls;
  std::map<std::string, std::int64_t> jobs;
};

TEST_F(LossTest, CountsTheJobsOfSmallAndLargeCalls) {
  if (!redis) return;
  Client client(noting());
  for (int i = 0; i < 5; ++i) client.enqueue(Note{i});
  const std::string filling(3000, 'x');
  for (int i = 0; i < 3; ++i) client.enqueue_packed("note", filling);  // one transaction each
  for (const auto& result : client.enqueue_all(std::vector<Note>(4321))) ASSERT_TRUE(result);
  lose_everything();
  client.enqueue(Note{1});
  EXPECT_EQ(jobs["default"], 5 + 3 + 4321);
  EXPECT_EQ(client.stats().lost_jobs, 5u + 3 + 4321);
  EXPECT_EQ(calls["default"], static_cast<std::int64_t>(client.stats().lost_calls));
  EXPECT_EQ(client.stats().calls, client.stats().lost_calls + 1);
}

TEST_F(LossTest, TellsOfQueuesThatAreNotUsedAgain) {
  if (!redis) return;
  Client client(noting());
  client.enqueue(Note{1}, {.queue = "mail"});
  client.enqueue(Note{2}, {.queue = "files"});
  client.enqueue(Note{3}, {.queue = "files"});
  lose_everything();
  client.enqueue(Note{4}, {.queue = "other"});
  EXPECT_EQ(jobs, (std::map<std::string, std::int64_t>{{"mail", 1}, {"files", 2}}));
  client.enqueue(Note{5}, {.queue = "files"});
  EXPECT_EQ(jobs["files"], 2) << "told once";
}

TEST_F(LossTest, TellsOfALossBehindACallWhoseOutcomeIsUnknown) {
  if (!redis) return;
  ClientOptions options = noting();
  options.block_timeout = 200ms;
  Client client(options);
  for (int i = 0; i < 4; ++i) client.enqueue(Note{i});
  test::send_signal(redis->pid(), SIGSTOP);
  const EnqueueResult given_up = client.enqueue_async(Note{4}).get();
  ASSERT_FALSE(given_up);
  ASSERT_EQ(given_up.error->code(), ErrorCode::outcome_unknown);
  lose_everything();
  ASSERT_TRUE(eventually([&] { return bool(client.enqueue_async(Note{5}).get()); }));
  EXPECT_EQ(jobs["default"], 4) << "the fifth was never acknowledged";
}

TEST_F(LossTest, TellsOfNoLossWhereNothingIsLost) {
  if (!redis) return;
  Client client(noting());
  for (const auto& result : client.enqueue_all(std::vector<Note>(5000))) ASSERT_TRUE(result);
  redis::Connection admin(reach());
  for (int i = 0; i < 5; ++i) {
    admin.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    client.enqueue(Note{i});
  }
  EXPECT_GE(client.stats().reconnects, 5u);
  EXPECT_EQ(client.stats().lost_calls, 0u);
  EXPECT_TRUE(jobs.empty());
  EXPECT_TRUE(Queue(reach(), "default").audit().balanced());
}

}  // namespace
}  // namespace ferry
