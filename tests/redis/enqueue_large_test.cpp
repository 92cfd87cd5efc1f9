// Calls so large that they travel as transactions, two of a queue at once: under cuts, kills,
// bounds and without rights.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "redis/connection.hpp"
#include "support/client_fixture.hpp"
#include "support/proxy.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;

struct Page {
  static constexpr std::string_view kind = "page";
  std::string text = std::string(1000, 'x');
  MSGPACK_DEFINE_MAP(text)
};

class EnqueueLargeTest : public test::RedisTest {
 protected:
  using RedisTest::RedisTest;

  /// Returns: the ids of a bulk that must be stored.
  static std::vector<JobId> enqueue(Client& client, std::size_t jobs) {
    std::vector<JobId> ids;
    for (const auto& result : client.enqueue_all(std::vector<Page>(jobs))) {
      EXPECT_TRUE(result) << result.error->what();
      ids.push_back(result.id);
    }
    return ids;
  }

  void expect_stored(const std::multiset<JobId>& ids) const {
    std::multiset<JobId> there;
    for (const JobInfo& job : stored()) there.insert(job.id);
    std::vector<JobId> missing;
    std::vector<JobId> beyond;
    std::ranges::set_difference(ids, there, std::back_inserter(missing));
    std::ranges::set_difference(there, ids, std::back_inserter(beyond));
    EXPECT_EQ(missing.size(), 0u) << "of " << ids.size();
    EXPECT_EQ(beyond.size(), 0u) << "of " << ids.size();
    for (const auto& violation : Queue(reach(), "default").audit().violations) {
      ADD_FAILURE() << violation;
    }
  }

  redis::ReplyPtr command(std::initializer_list<std::string_view> words) const {
    return redis::Connection(reach()).call(words);
  }
};

class DurableLargeTest : public EnqueueLargeTest {
 protected:
  DurableLargeTest() : EnqueueLargeTest({.fsync = Fsync::always}) {}
};

TEST_F(EnqueueLargeTest, StoresNoSecondJobWhereverTheRepliesAreCutOff) {
  test::Proxy proxy(redis->socket_path(), redis->socket_path() + ".proxy");
  ClientOptions options = client_options();
  options.redis.url = proxy.url();
  Client client(options);
  std::multiset<JobId> expected;
  const auto store = [&] {
    for (const JobId& id : enqueue(client, 60)) expected.insert(id);
  };
  store();
  int cuts = 0;
  while (true) {
    proxy.cut_after(cuts);
    store();
    if (proxy.cut_pending()) break;
    ++cuts;
    ASSERT_LT(cuts, 400);
  }
  proxy.never_cut();
  EXPECT_GE(cuts, 100) << "OK, QUEUED for each command, and the ids of two envelopes";
  // A cut within the last bytes may leave a reply whole; all others lose a call that was stored.
  EXPECT_GE(client.stats().duplicate_calls, static_cast<std::uint64_t>(cuts) - 2);
  EXPECT_EQ(client.stats().lost_calls, 0u);
  expect_stored(expected);
}

// Half a megabyte at once: several calls, two of them under way when the connection breaks.
TEST_F(EnqueueLargeTest, StoresNoSecondJobWhenTwoCallsAreUnderWay) {
  test::Proxy proxy(redis->socket_path(), redis->socket_path() + ".proxy");
  ClientOptions options = client_options();
  options.redis.url = proxy.url();
  Client client(options);
  std::multiset<JobId> expected;
  for (const JobId& id : enqueue(client, 10)) expected.insert(id);
  for (int cut = 0; cut < 600; cut += 37) {
    proxy.cut_after(cut);
    for (const JobId& id : enqueue(client, 1000)) expected.insert(id);
  }
  proxy.never_cut();
  EXPECT_GT(client.stats().duplicate_calls, 5u);
  EXPECT_EQ(client.stats().lost_calls, 0u);
  expect_stored(expected);
}

TEST_F(DurableLargeTest, StoresEveryJobOnceThoughRedisIsKilledAgainAndAgain) {
  Client client(client_options());
  std::multiset<JobId> expected;
  std::atomic<bool> enough{false};
  std::atomic<int> bulks{0};
  std::thread producer([&] {
    while (!enough) {
      for (const JobId& id : enqueue(client, 500)) expected.insert(id);
      ++bulks;
    }
  });
  for (int i = 0; i < 4; ++i) {
    const int before = bulks;
    EXPECT_TRUE(eventually([&] { return bulks > before + 3; }));
    redis->kill();
    redis->start();
  }
  enough = true;
  producer.join();
  EXPECT_EQ(client.stats().lost_calls, 0u);
  expect_stored(expected);
}

TEST_F(EnqueueLargeTest, StoresExactlyWhatThereIsRoomFor) {
  ClientOptions options = client_options();
  options.limits.max_jobs = 777;
  options.when_full = WhenFull::reject;
  Client client(options);
  std::multiset<JobId> expected;
  for (const auto& result : client.enqueue_all(std::vector<Page>(2000))) {
    if (result) {
      expected.insert(result.id);
    } else {
      EXPECT_EQ(result.error->code(), ErrorCode::full);
    }
  }
  EXPECT_EQ(expected.size(), 777u);
  expect_stored(expected);
}

TEST_F(EnqueueLargeTest, GoesOnWithoutTheRightToTransact) {
  command({"ACL", "SETUSER", "plain", "on", ">secret", "~*", "+@all", "-multi"});
  ClientOptions options = client_options();
  options.redis.url.insert(std::string("unix://").size(), "plain:secret@");
  Client client(options);
  const auto ids = enqueue(client, 300);
  expect_stored({ids.begin(), ids.end()});
}

TEST_F(EnqueueLargeTest, InstallsTheFunctionsAgainWhenTheyWereRemoved) {
  Client client(client_options());
  std::multiset<JobId> expected;
  for (int i = 0; i < 3; ++i) {
    for (const JobId& id : enqueue(client, 1000)) expected.insert(id);
    command({"FUNCTION", "FLUSH"});
  }
  for (const JobId& id : enqueue(client, 1000)) expected.insert(id);
  expect_stored(expected);
}

TEST_F(EnqueueLargeTest, StoresJobsOfSeveralPrioritiesAndTimes) {
  Client client(client_options());
  std::vector<Receipt> receipts;
  for (int i = 0; i < 300; ++i) {
    EnqueueOptions options;
    options.priority = static_cast<Priority>(i % 3);
    if (i % 7 == 0) options.run_after = 1h;
    receipts.push_back(client.enqueue_async(Page{}, options));
  }
  for (const Receipt& receipt : receipts) ASSERT_TRUE(receipt.get());
  EXPECT_EQ(stored().size() + stored(JobState::delayed).size(), 300u);
  EXPECT_TRUE(Queue(reach(), "default").audit().balanced());
}

}  // namespace
}  // namespace ferry
