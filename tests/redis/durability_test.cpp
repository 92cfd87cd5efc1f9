// What `Durability` promises, with replicas that are real, frozen or missing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "redis/server_info.hpp"
#include "support/replica_set.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::ReplicaSet;
using testing::HasSubstr;

struct Parcel {
  static constexpr std::string_view kind = "parcel";
  int number = 0;
  std::string filling{};
  MSGPACK_DEFINE_MAP(number, filling)
};

class DurabilityTest : public testing::Test {
 protected:
  void SetUp() override { servers = ReplicaSet::start(2); }

  ClientOptions options(Durability durability) {
    ClientOptions options;
    options.redis.url = (*servers)[0].url();
    options.redis.command_timeout = 100ms;  // how long one WAIT may take
    options.durability = durability;
    return options;
  }
  void freeze_replicas() {
    servers->freeze(1);
    servers->freeze(2);
  }
  QueueCounts counts() { return Queue({.url = (*servers)[0].url()}, "default").counts(); }
  std::int64_t envelopes_at(std::size_t server) {
    redis::Connection look({.url = (*servers)[server].url()});
    return look.call({"XLEN", Keys("ferry", "default").ready[1]})->root().integer;
  }
  std::int64_t waits() {
    redis::Connection look({.url = (*servers)[0].url()});
    const auto info = redis::server_info(look, "commandstats").value();
    const auto wait = std::string(redis::field(info, "cmdstat_wait"));
    return wait.empty() ? 0 : std::stoll(wait.substr(wait.find('=') + 1));
  }
  void expect_balanced() {
    EXPECT_THAT(Queue({.url = (*servers)[0].url()}, "default").audit().violations,
                testing::IsEmpty());
  }

  std::unique_ptr<ReplicaSet> servers;
};

TEST_F(DurabilityTest, AcceptsAJobOnceAReplicaHasIt) {
  if (!servers) return;
  servers->freeze(2);
  Client client(options(Durability::replicated(1)));
  for (int i = 0; i < 20; ++i) {
    client.enqueue(Parcel{i});
    ASSERT_EQ(envelopes_at(1), i + 1);
  }
}

TEST_F(DurabilityTest, AsksNobodyWhenFast) {
  if (!servers) return;
  freeze_replicas();
  Client client(options(Durability::fast()));
  for (int i = 0; i < 20; ++i) client.enqueue(Parcel{i});
  EXPECT_EQ(waits(), 0);
}

TEST_F(DurabilityTest, SaysUnconfirmedWhenNoReplicaAnswersInTime) {
  if (!servers) return;
  freeze_replicas();
  auto impatient = options(Durability::replicated(1));
  impatient.block_timeout = 300ms;
  Client client(impatient);
  const EnqueueResult result = client.enqueue_async(Parcel{1}).get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error->code(), ErrorCode::unconfirmed);
  EXPECT_THAT(result.error->what(), HasSubstr("not on 1 of its replicas"));
  EXPECT_THAT(result.error->what(), HasSubstr("0 confirmed"));
  EXPECT_EQ(counts().accepted, 1) << "it was repeated, and stored once";
  EXPECT_EQ(client.stats().failed_jobs, 1u);

  servers->thaw_all();
  ASSERT_TRUE(eventually([&] { return bool(client.enqueue_async(Parcel{2}).get()); }));
  EXPECT_EQ(client.stats().lost_calls, 0u);
  expect_balanced();
}

TEST_F(DurabilityTest, RepeatsTheCallUntilAReplicaHasIt) {
  if (!servers) return;
  freeze_replicas();
  Client client(options(Durability::replicated(1)));
  const Receipt receipt = client.enqueue_async(Parcel{1});
  ASSERT_TRUE(eventually([&] { return client.stats().unconfirmed_calls >= 2; }));
  EXPECT_FALSE(receipt.ready());
  servers->thaw(1);
  EXPECT_TRUE(receipt.get());
  EXPECT_EQ(envelopes_at(1), 1);
  EXPECT_EQ(counts().accepted, 1);
  EXPECT_EQ(client.stats().enqueued_jobs, 1u);
  expect_balanced();
}

TEST_F(DurabilityTest, CountsOnNoOldAnswerAfterANewConnection) {
  if (!servers) return;
  freeze_replicas();
  Client client(options(Durability::replicated(1)));
  const Receipt receipt = client.enqueue_async(Parcel{1});
  ASSERT_TRUE(eventually([&] { return client.stats().unconfirmed_calls >= 1; }));
  redis::Connection admin({.url = (*servers)[0].url()});
  admin.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  const auto before = client.stats().unconfirmed_calls;
  ASSERT_TRUE(eventually([&] {
    return client.stats().reconnects >= 1 && client.stats().unconfirmed_calls >= before + 2;
  }));
  EXPECT_FALSE(receipt.ready())
      << "the repeated call wrote nothing new, and still no replica has it";
  servers->thaw_all();
  EXPECT_TRUE(receipt.get());
  EXPECT_EQ(counts().accepted, 1);
}

TEST_F(DurabilityTest, WaitsForAsManyReplicasAsAsked) {
  if (!servers) return;
  Client both(options(Durability::replicated(2)));
  both.enqueue(Parcel{1});
  EXPECT_EQ(envelopes_at(1), 1);
  EXPECT_EQ(envelopes_at(2), 1);
  auto too_many = options(Durability::replicated(3));
  too_many.block_timeout = 0ms;  // one try
  const EnqueueResult result = Client(too_many).enqueue_async(Parcel{2}).get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error->code(), ErrorCode::unconfirmed);
  EXPECT_THAT(result.error->what(), HasSubstr("2 confirmed"));
}

TEST_F(DurabilityTest, AsksOnceForAllCallsThatLeaveTogether) {
  if (!servers) return;
  auto together = options(Durability::replicated(2));
  together.linger = 1s;
  Client client(together);
  const Receipt first = client.enqueue_async(Parcel{0});
  client.flush();
  const std::int64_t before = waits();
  std::vector<Receipt> receipts;
  for (const char* queue : {"mail", "files", "default"}) {
    for (int i = 0; i < 10; ++i)
      receipts.push_back(client.enqueue_async(Parcel{i}, {.queue = queue}));
  }
  client.flush();
  for (const Receipt& receipt : receipts) EXPECT_TRUE(receipt.get());
  EXPECT_EQ(waits() - before, 1);
  EXPECT_EQ(client.stats().calls, 4u);
}

TEST_F(DurabilityTest, ConfirmsLargeCallsAndManyUnderWay) {
  if (!servers) return;
  Client client(options(Durability::replicated(2)));
  servers->freeze(2);
  std::vector<Parcel> parcels(5000);
  for (auto& parcel : parcels) parcel.filling.assign(200, 'x');
  std::vector<Receipt> receipts;
  for (const Parcel& parcel : parcels) receipts.push_back(client.enqueue_async(parcel));
  ASSERT_TRUE(eventually([&] { return client.stats().unconfirmed_calls >= 2; }));
  EXPECT_FALSE(receipts.back().ready());
  servers->thaw(2);
  for (const Receipt& receipt : receipts) ASSERT_TRUE(receipt.get());
  EXPECT_EQ(envelopes_at(1), envelopes_at(0));
  EXPECT_EQ(envelopes_at(2), envelopes_at(0));
  EXPECT_EQ(counts().accepted, 5000);
  expect_balanced();
}

TEST_F(DurabilityTest, LeavesNoCallBehindWhenItsTimeIsOver) {
  if (!servers) return;
  auto impatient = options(Durability::replicated(1));
  impatient.block_timeout = 200ms;
  Client client(impatient);
  const auto confirmed = [&](int number) {
    return bool(client.enqueue_async(Parcel{number}).get());
  };
  ASSERT_TRUE(eventually([&] { return confirmed(1); })) << "200 ms can be short on a busy machine";
  freeze_replicas();
  EXPECT_FALSE(confirmed(2));
  EXPECT_FALSE(confirmed(3));
  servers->thaw_all();
  ASSERT_TRUE(eventually([&] { return confirmed(4); }));
  const ClientStats stats = client.stats();
  EXPECT_EQ(stats.lost_calls, 0u);
  EXPECT_EQ(static_cast<std::uint64_t>(counts().accepted), stats.enqueued_jobs + stats.failed_jobs)
      << "each was stored, none of them twice";
}

TEST_F(DurabilityTest, NeedsTheRightToWait) {
  if (!servers) return;
  redis::Connection admin({.url = (*servers)[0].url()});
  admin.call({"ACL", "SETUSER", "hasty", "on", ">secret", "~*", "&*", "+@all", "-wait"});
  auto hasty = options(Durability::replicated(1));
  hasty.redis.url = "unix://hasty:secret@" + (*servers)[0].socket_path();
  const EnqueueResult result = Client(hasty).enqueue_async(Parcel{1}).get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error->code(), ErrorCode::denied);
  EXPECT_THAT(result.error->what(), HasSubstr("wait"));
}

TEST_F(DurabilityTest, SaysWhatSyncedNeeds) {
  if (!servers) return;
  redis::Connection admin({.url = (*servers)[0].url()});
  const auto info = redis::server_info(admin, "server").value();
  const EnqueueResult result = Client(options(Durability::synced())).enqueue_async(Parcel{1}).get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error->code(), ErrorCode::unsupported);
  EXPECT_EQ(counts().accepted, 0);
  if (admin.command({"WAITAOF", "0", "0", "1"})->root().is_error()) {
    EXPECT_THAT(result.error->what(),
                HasSubstr("Redis " + std::string(redis::field(info, "redis_version"))));
    EXPECT_THAT(result.error->what(), HasSubstr("7.2"));
  } else {
    EXPECT_THAT(result.error->what(), HasSubstr("append-only file"));
  }
}

}  // namespace
}  // namespace ferry
