#include "ferry/setup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

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
  auto own = start_redis({.durability = Fsync::everysec, .maxmemory = 100'000'000});
  ASSERT_TRUE(own);
  install_functions({.url = own->url()});
  const std::vector<Check> checks = check_server({.url = own->url()});
  EXPECT_EQ(checks.size(), 8u);
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
  EXPECT_EQ(checks.size(), 8u);
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
