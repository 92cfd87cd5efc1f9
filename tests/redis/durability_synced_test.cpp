// That `synced` works; a program of its own, for where the server is too old all of it is skipped.

#include <gtest/gtest.h>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "redis/connection.hpp"
#include "redis/server_info.hpp"
#include "support/redis_test.hpp"

namespace ferry {
namespace {

struct Parcel {
  static constexpr std::string_view kind = "parcel";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

TEST(DurabilitySyncedTest, AcceptsWhatIsOnTheDisk) {
  auto redis = test::start_redis({.fsync = Fsync::everysec});
  if (!redis) return;
  redis::Connection admin({.url = redis->url()});
  if (admin.command({"WAITAOF", "0", "0", "1"})->root().is_error()) {
    const auto info = redis::server_info(admin, "server").value();
    GTEST_SKIP() << "Redis " << redis::field(info, "redis_version")
                 << " has no WAITAOF (7.2 has): that `synced` works is not shown here";
  }
  ClientOptions options;
  options.redis.url = redis->url();
  options.durability = Durability::synced();
  Client client(options);
  for (int i = 0; i < 3; ++i) client.enqueue(Parcel{i});
  redis->kill();
  redis->start();
  EXPECT_EQ(Queue({.url = redis->url()}, "default").counts().accepted, 3);
  EXPECT_EQ(client.stats().unconfirmed_calls, 0u);
}

}  // namespace
}  // namespace ferry
