#include "ferry/setup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "support/eventually.hpp"
#include "support/redis_test.hpp"

namespace ferry::test {
namespace {

using redis::Connection;
using testing::HasSubstr;
using testing::Not;

class SetupTest : public RedisTest {
 protected:
  static Check check(const std::string& name, const RedisOptions& redis) {
    const std::vector<Check> checks = check_server(redis);
    const auto found =
        std::find_if(checks.begin(), checks.end(), [&](const Check& c) { return c.name == name; });
    if (found != checks.end()) return *found;
    ADD_FAILURE() << "no check is named " << name;
    return {};
  }

  static Check check(const std::string& name) { return check(name, options()); }

  static void set(std::string_view setting, std::string_view value) {
    Connection(options()).call({"CONFIG", "SET", setting, value});
  }
};

TEST_F(SetupTest, IsContentWithAWellConfiguredServer) {
  auto own = start_redis({.fsync = Fsync::everysec,
                          .maxmemory = 100'000'000,
                          .arguments = {"--aof-load-truncated", "no"}});
  ASSERT_TRUE(own);
  install_functions({.url = own->url()});
  const std::vector<Check> checks = check_server({.url = own->url()});
  EXPECT_EQ(checks.size(), 12u);
  for (const Check& one : checks) {
    EXPECT_EQ(one.result, CheckResult::ok) << one.name << ": " << one.found;
    EXPECT_EQ(one.advice, "") << one.name;
    EXPECT_NE(one.found, "") << one.name;
  }
}

TEST_F(SetupTest, SaysThatAServerIsAwayWithoutThrowing) {
  const std::vector<Check> checks = check_server({.url = "unix://me:hunter2@/nowhere/redis.sock"});
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_EQ(checks[0].result, CheckResult::failed);
  EXPECT_THAT(checks[0].advice, HasSubstr("unix://me:***@/nowhere/redis.sock"));
  EXPECT_THAT(checks[0].advice, Not(HasSubstr("hunter2")));
}

TEST_F(SetupTest, SaysThatAUrlIsWrongWithoutThrowing) {
  const std::vector<Check> checks = check_server({.url = "rediss://example"});
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_EQ(checks[0].found, "unsupported");
}

TEST_F(SetupTest, RefusesAServerThatEvicts) {
  set("maxmemory-policy", "allkeys-lru");
  const Check eviction = check("eviction");
  set("maxmemory-policy", "noeviction");
  EXPECT_EQ(eviction.result, CheckResult::failed);
  EXPECT_THAT(eviction.found, HasSubstr("allkeys-lru"));
  EXPECT_EQ(check("eviction").result, CheckResult::ok);
}

TEST_F(SetupTest, WarnsOfAServerWithoutAMemoryLimitAndOfOneNearlyFull) {
  EXPECT_EQ(check("memory").result, CheckResult::warning);
  set("maxmemory", "1mb");
  const Check full = check("memory");
  set("maxmemory", "0");
  EXPECT_EQ(full.result, CheckResult::warning);
  EXPECT_THAT(full.found, HasSubstr("nearly full"));
}

TEST_F(SetupTest, SaysWhatEachFsyncPolicyCanLose) {
  EXPECT_EQ(check("persistence").result, CheckResult::warning);
  EXPECT_THAT(check("persistence").found, HasSubstr("append-only file off, snapshots off"));
  set("appendonly", "yes");
  set("appendfsync", "always");
  EXPECT_THAT(check("persistence").found, HasSubstr("nothing is lost"));
  set("appendfsync", "everysec");
  EXPECT_THAT(check("persistence").found, HasSubstr("the last second or two"));
  set("appendfsync", "no");
  EXPECT_EQ(check("persistence").result, CheckResult::warning);
  set("appendonly", "no");
}

TEST_F(SetupTest, WarnsOfAnAppendOnlyFileThatMayBeLoadedTorn) {
  EXPECT_EQ(check("torn file").result, CheckResult::ok) << "there is no such file";
  set("appendonly", "yes");
  const Check torn = check("torn file");
  set("aof-load-truncated", "no");
  const Check whole = check("torn file");
  set("aof-load-truncated", "yes");
  set("appendonly", "no");
  EXPECT_EQ(torn.result, CheckResult::warning);
  EXPECT_THAT(torn.advice, HasSubstr("redis-check-aof --fix"));
  EXPECT_EQ(whole.result, CheckResult::ok);
}

TEST_F(SetupTest, WarnsOfConnectionsDroppedSoonOrKeptForEver) {
  EXPECT_EQ(check("idle clients").result, CheckResult::ok);
  EXPECT_EQ(check("keep-alive").result, CheckResult::ok);
  set("timeout", "5");
  set("tcp-keepalive", "0");
  const Check idle = check("idle clients");
  const Check alive = check("keep-alive");
  set("timeout", "3600");
  const Check patient = check("idle clients");
  set("timeout", "0");
  set("tcp-keepalive", "300");
  EXPECT_EQ(idle.result, CheckResult::warning);
  EXPECT_THAT(idle.found, HasSubstr("timeout 5"));
  EXPECT_EQ(patient.result, CheckResult::ok);
  EXPECT_EQ(alive.result, CheckResult::warning);
}

TEST_F(SetupTest, SaysWhatAFailoverWouldLose) {
  EXPECT_EQ(check("replicas").result, CheckResult::ok) << "nobody to fail over to";
  set("min-replicas-to-write", "1");
  const Check refuses = check("replicas");
  set("min-replicas-to-write", "0");
  EXPECT_EQ(refuses.result, CheckResult::failed);
  EXPECT_THAT(refuses.found, HasSubstr("NOREPLICAS"));

  auto master = start_redis({.arguments = {"--port", "0", "--bind", "127.0.0.1"}});
  ASSERT_TRUE(master);
  // A replica needs a port; any free one will do.
  int port = 0;
  Connection admin({.url = master->url()});
  for (int tries = 20001; port == 0 && tries < 20100; ++tries) {
    const std::string text = std::to_string(tries);
    if (!admin.command({"CONFIG", "SET", "port", text})->root().is_error()) port = tries;
  }
  ASSERT_NE(port, 0);
  auto replica = start_redis();
  ASSERT_TRUE(replica);
  Connection({.url = replica->url()}).call({"REPLICAOF", "127.0.0.1", std::to_string(port)});
  const RedisOptions redis{.url = master->url()};
  ASSERT_TRUE(
      eventually([&] { return check("replicas", redis).found.starts_with("1 connected"); }));
  EXPECT_EQ(check("replicas", redis).result, CheckResult::warning);
  admin.call({"CONFIG", "SET", "min-replicas-to-write", "1"});
  EXPECT_EQ(check("replicas", redis).result, CheckResult::ok);
}

TEST_F(SetupTest, SeesMissingAndOldFunctions) {
  Connection connection(options());
  connection.call({"FUNCTION", "FLUSH"});
  EXPECT_EQ(check("functions").result, CheckResult::failed);
  EXPECT_THAT(check("functions").advice, HasSubstr("ferry setup"));
  connection.call({"FUNCTION", "LOAD",
                   "#!lua name=ferry_v1\nredis.register_function{function_name="
                   "'ferry_v1_revision', callback=function() return 0 end, flags={'no-writes'}}"});
  EXPECT_EQ(check("functions").result, CheckResult::failed);
  EXPECT_THAT(check("functions").found, HasSubstr("revision 0"));
  install_functions(options());
  EXPECT_EQ(check("functions").result, CheckResult::ok);
}

TEST_F(SetupTest, RefusesAReplica) {
  auto own = start_redis();
  ASSERT_TRUE(own);
  Connection({.url = own->url()}).call({"REPLICAOF", "127.0.0.1", "1"});
  const Check role = check("role", {.url = own->url()});
  EXPECT_EQ(role.result, CheckResult::failed);
  EXPECT_THAT(role.advice, HasSubstr("127.0.0.1:1"));
}

TEST_F(SetupTest, FallsBackToInfoWhereConfigIsDenied) {
  Connection admin(options());
  admin.call({"ACL", "SETUSER", "noconfig", "on", ">pw", "+@all", "-config", "~*"});
  const RedisOptions redis{.url = "unix://noconfig:pw@" + server().socket_path()};
  EXPECT_EQ(check("eviction", redis).result, CheckResult::ok);
  set("appendonly", "yes");
  const Check persistence = check("persistence", redis);
  set("appendonly", "no");
  EXPECT_EQ(persistence.result, CheckResult::warning);
  EXPECT_THAT(persistence.advice, HasSubstr("+config|get"));
}

TEST_F(SetupTest, WarnsOfEveryCheckThatItMayNotMake) {
  install_functions(options());
  Connection admin(options());
  admin.call({"ACL", "SETUSER", "blind", "on", ">pw", "+fcall", "+client|setname", "~*"});
  const RedisOptions redis{.url = "unix://blind:pw@" + server().socket_path()};
  const std::vector<Check> checks = check_server(redis);
  EXPECT_EQ(checks.size(), 12u);
  for (const Check& one : checks) {
    const bool made = one.name == "server" || one.name == "functions";
    EXPECT_EQ(one.result, made ? CheckResult::ok : CheckResult::warning) << one.name;
    if (made) continue;
    EXPECT_THAT(one.found, HasSubstr("the user may not ask")) << one.name;
  }
}

TEST_F(SetupTest, MeasuresTheRoundTrip) {
  EXPECT_THAT(check("round trip").found,
              testing::MatchesRegex("median .* µs, p99 .* µs of 200 PINGs"));
}

}  // namespace
}  // namespace ferry::test
