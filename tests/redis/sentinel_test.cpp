// How a client finds the master by its sentinels, and what it says when it cannot.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "ferry/setup.hpp"
#include "redis/connection.hpp"
#include "redis/server_info.hpp"
#include "support/replica_set.hpp"
#include "support/running_worker.hpp"
#include "support/sentinel_set.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::ReplicaSet;
using test::SentinelSet;
using testing::HasSubstr;

struct Note {
  static constexpr std::string_view kind = "note";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

class SentinelTest : public testing::Test {
 protected:
  void SetUp() override { servers = ReplicaSet::start(1); }

  static EnqueueResult enqueue(const std::string& url) {
    ClientOptions options;
    options.redis.url = url;
    options.block_timeout = 300ms;
    return Client(options).enqueue_async(Note{1}).get();
  }
  std::int64_t accepted(std::size_t server) {
    return Queue({.url = (*servers)[server].url()}, "default").counts().accepted;
  }

  std::unique_ptr<ReplicaSet> servers;
};

TEST_F(SentinelTest, FindsTheMaster) {
  if (!servers) return;
  const SentinelSet sentinels(*servers, 1);
  const EnqueueResult result = enqueue(sentinels.url());
  ASSERT_TRUE(result) << result.error->what();
  EXPECT_EQ(accepted(0), 1);
  EXPECT_EQ(Queue({.url = sentinels.url()}, "default").counts().accepted, 1);
  EXPECT_EQ(Queue({.url = sentinels.url() + "/3"}, "default").counts().accepted, 0);
  const auto checks = check_server({.url = sentinels.url()});
  EXPECT_EQ(checks.front().found, "redis://127.0.0.1:" + std::to_string(servers->port(0)));
}

TEST_F(SentinelTest, AsksTheNextWhenOneIsDown) {
  if (!servers) return;
  SentinelSet sentinels(*servers, 3);
  sentinels.kill(0);
  sentinels.kill(1);
  EXPECT_TRUE(enqueue(sentinels.url()));
  sentinels.kill(2);
  const EnqueueResult result = enqueue(sentinels.url());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error->code(), ErrorCode::unavailable);
  EXPECT_THAT(result.error->what(), HasSubstr("no sentinel of redis-sentinel://127.0.0.1:"));
  EXPECT_EQ(accepted(0), 1);
}

TEST_F(SentinelTest, NamesTheMastersThatAreKnown) {
  if (!servers) return;
  const SentinelSet sentinels(*servers, 1);
  const EnqueueResult result = enqueue(sentinels.url("fairy"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error->code(), ErrorCode::invalid_argument);
  EXPECT_THAT(result.error->what(), HasSubstr("\"fairy\"; they know ferry"));
}

TEST_F(SentinelTest, DoesNotTakeARedisForASentinel) {
  if (!servers) return;
  const std::string url =
      "redis-sentinel://127.0.0.1:" + std::to_string(servers->port(0)) + "/ferry";
  const EnqueueResult result = enqueue(url);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error->what(), HasSubstr("does not answer as a sentinel"));
}

TEST_F(SentinelTest, WritesToNoReplicaThatSentinelsTakeForTheMaster) {
  if (!servers) return;
  const SentinelSet sentinels(*servers, 1, 1);
  const EnqueueResult result = enqueue(sentinels.url());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error->code(), ErrorCode::unavailable);
  EXPECT_THAT(result.error->what(), HasSubstr("is a replica"));
}

TEST_F(SentinelTest, WorkerWaitsUntilItsServerIsNoReplica) {
  if (!servers) return;
  ASSERT_TRUE(enqueue((*servers)[0].url()));
  WorkerOptions options = test::worker_options((*servers)[1]);
  options.log.level = LogLevel::warning;
  Handlers handlers;
  handlers.on<Note>([](const JobContext&, const Note&) {});
  redis::Connection admin({.url = (*servers)[1].url()});
  const auto refused = [&] {
    const auto info = redis::server_info(admin, "errorstats").value();
    return !redis::field(info, "errorstat_READONLY").empty();
  };
  // Until the functions have come the same way, nobody can be asked, nor install them here.
  const auto replicated = [&] {
    try {
      return accepted(1) == 1;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::unavailable) << e.what();
      return false;
    }
  };
  testing::internal::CaptureStderr();
  test::RunningWorker worker(options, handlers);
  EXPECT_TRUE(eventually(refused));
  EXPECT_TRUE(eventually(replicated));
  admin.call({"REPLICAOF", "NO", "ONE"});
  EXPECT_TRUE(eventually([&] { return worker->stats().done == 1; }));
  EXPECT_EQ(worker.stop(), 0);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("this server is a replica"));
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--sentinel") {
    return ferry::test::SentinelSet::become_sentinel(argv[2]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
