#include "redis/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ferry/client_options.hpp"
#include "ferry/error.hpp"
#include "support/error_from.hpp"

namespace ferry::redis {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(UrlTest, ReadsTcpAddresses) {
  struct Good {
    std::string url, host;
    int port;
    std::string user, password;
    int database;
  };
  const std::vector<Good> table{
      {"redis://localhost", "localhost", 6379, "", "", 0},
      {"redis://localhost/", "localhost", 6379, "", "", 0},
      {"REDIS://redis.example.com:6380/15", "redis.example.com", 6380, "", "", 15},
      {"redis://127.0.0.1:1", "127.0.0.1", 1, "", "", 0},
      {"redis://a_b-c.d:65535", "a_b-c.d", 65535, "", "", 0},
      {"redis://[::1]", "::1", 6379, "", "", 0},
      {"redis://[fe80::1%eth0]:7000/2", "fe80::1%eth0", 7000, "", "", 2},
      {"redis://:secret@host", "host", 6379, "", "secret", 0},
      {"redis://user@host", "host", 6379, "user", "", 0},
      {"redis://user:secret@host:7/1", "host", 7, "user", "secret", 1},
      {"redis://us%65r:p%40ss%3A%2f%25@host", "host", 6379, "user", "p@ss:/%", 0},
      {"redis://user:with:colon@host", "host", 6379, "user", "with:colon", 0},
      {"redis://user:with@at@host", "host", 6379, "user", "with@at", 0},
      {"redis://user:secret@[::1]:9", "::1", 9, "user", "secret", 0},
  };
  for (const Good& good : table) {
    const Endpoint endpoint = parse_url(good.url);
    EXPECT_EQ(endpoint.host, good.host) << good.url;
    EXPECT_EQ(endpoint.port, good.port) << good.url;
    EXPECT_EQ(endpoint.user, good.user) << good.url;
    EXPECT_EQ(endpoint.password, good.password) << good.url;
    EXPECT_EQ(endpoint.database, good.database) << good.url;
    EXPECT_EQ(endpoint.socket_path, "") << good.url;
  }
}

TEST(UrlTest, ReadsSentinels) {
  const Endpoint one = parse_url("redis-sentinel://host/mymaster");
  ASSERT_EQ(one.sentinels.size(), 1u);
  EXPECT_EQ(one.sentinels[0].host, "host");
  EXPECT_EQ(one.sentinels[0].port, 26379);
  EXPECT_EQ(one.master_name, "mymaster");
  EXPECT_EQ(one.database, 0);
  EXPECT_EQ(one.host, "");

  const Endpoint three = parse_url("redis-sentinel://me:s%40crt@a.b:1,[::1]:2,c/the-master_1.x/7");
  ASSERT_EQ(three.sentinels.size(), 3u);
  EXPECT_EQ(three.sentinels[0].host, "a.b");
  EXPECT_EQ(three.sentinels[1].host, "::1");
  EXPECT_EQ(three.sentinels[1].port, 2);
  EXPECT_EQ(three.sentinels[2].port, 26379);
  EXPECT_EQ(three.user, "me");
  EXPECT_EQ(three.password, "s@crt");
  EXPECT_EQ(three.master_name, "the-master_1.x");
  EXPECT_EQ(three.database, 7);
  EXPECT_EQ(three.redacted(), "redis-sentinel://me:***@a.b:1,[::1]:2,c:26379/the-master_1.x/7");
  EXPECT_EQ(parse_url("redis-sentinel://a/m/").database, 0);
}

TEST(UrlTest, RefusesSentinelsThatAreIncomplete) {
  for (const char* url :
       {"redis-sentinel://", "redis-sentinel://a", "redis-sentinel://a/", "redis-sentinel:///m",
        "redis-sentinel://a,/m", "redis-sentinel://,a/m", "redis-sentinel://a:0/m",
        "redis-sentinel://a/m m", "redis-sentinel://a/m/x", "redis-sentinel://a/m/1/2",
        "redis-sentinel://a/m?db=1", "redis-sentinel://a:1:2/m"}) {
    try {
      parse_url(url);
      ADD_FAILURE() << url << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << url;
    }
  }
}

TEST(UrlTest, ReadsUnixSockets) {
  EXPECT_EQ(parse_url("unix:///run/redis.sock").socket_path, "/run/redis.sock");
  EXPECT_EQ(parse_url("unix:///run/redis.sock?db=3").database, 3);
  EXPECT_EQ(parse_url("unix:///a%20b%3F.sock").socket_path, "/a b?.sock");
  const Endpoint endpoint = parse_url("unix://user:s%40crt@/run/redis.sock?db=1");
  EXPECT_EQ(endpoint.user, "user");
  EXPECT_EQ(endpoint.password, "s@crt");
  EXPECT_EQ(endpoint.socket_path, "/run/redis.sock");
  EXPECT_EQ(endpoint.host, "");
}

TEST(UrlTest, NamesThePartThatIsWrong) {
  struct Bad {
    std::string url, says;
  };
  const std::vector<Bad> table{
      {"", "scheme is missing"},
      {"localhost:6379", "scheme is missing"},
      {"http://localhost", "scheme \"http\""},
      {"redis://", "host is empty"},
      {"redis://:6379", "host is empty"},
      {"redis://user@", "host is empty"},
      {"redis://ho st", "host \"ho st\""},
      {"redis://::1", "brackets"},
      {"redis://[::1", "\"]\" is missing"},
      {"redis://[localhost]", "host \"localhost\" is not an IPv6 address"},
      {"redis://[::1]6379", "only \":port\" may follow"},
      {"redis://host:", "port \"\""},
      {"redis://host:0", "port \"0\""},
      {"redis://host:65536", "port \"65536\""},
      {"redis://host:abc", "port is not a number"},
      {"redis://host:+5", "port is not a number"},
      {"redis://host/x", "database \"x\""},
      {"redis://host/-1", "database \"-1\""},
      {"redis://host/1/2", "database \"1/2\""},
      {"redis://host/99999999999", "database"},
      {"redis://host?db=1", "query"},
      {"redis://host/1#top", "query"},
      {"redis://us%e@host", "the user has a %"},
      {"redis://user:a%zz@host", "the password has a %"},
      {"redis://user:a%+1@host", "the password has a %"},
      {"unix://", "path"},
      {"unix:///", "path has 1 bytes"},
      {"unix://relative.sock", "absolute path"},
      {"unix://run/redis.sock", "three slashes"},
      {"unix:///" + std::string(107, 'x'), "path has 108 bytes"},
      {"unix:///a%00b", "zero byte"},
      {"unix:///a%2", "the path has a %"},
      {"unix:///a?db", "query parameter \"db\""},
      {"unix:///a?database=1", "query parameter \"database\""},
      {"unix:///a?db=one", "database \"one\""},
  };
  for (const Bad& bad : table) {
    try {
      parse_url(bad.url);
      ADD_FAILURE() << bad.url << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << bad.url;
      EXPECT_THAT(error.what(), HasSubstr("url: ")) << bad.url;
      EXPECT_THAT(error.what(), HasSubstr(bad.says)) << bad.url;
    }
  }
}

TEST(UrlTest, RefusesTls) {
  try {
    parse_url("rediss://user:hunter2@host");
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("use redis:// over a tunnel or unix://"));
  }
}

TEST(UrlTest, NeverTellsThePassword) {
  const std::vector<std::string> urls{
      "redis://user:hunter2@host:99999", "redis://user:hunter2@ho st",
      "redis://user:hunter2%@host",      "redis://user:hunter2@host/x",
      "redis://user:/hunter2@host",      "redis://user:hunter2/x@host:1",
      "redis://user:?hunter2@host",      "redis://user:hun#ter2@host",
      "redis://user:9#hunter2@host",     "rediss://user:hunter2@host",
      "redi://user:hunter2@host",        "unix://user:hunter2@relative",
      "unix://user:hunter2%@/path",      "unix:///path?password=hunter2",
      "unix:///path?user:hunter2@=1",    "user:hunter2@host",
      "unix:///user:hunter2@/path",      "unix://user:hunter2@/path@x",
      "user:hunter2@redis://host",
  };
  for (const std::string& url : urls) {
    try {
      parse_url(url);
      ADD_FAILURE() << url << " was taken";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), Not(HasSubstr("hunter"))) << url;
      EXPECT_THAT(error.what(), Not(HasSubstr("ter2"))) << url;
    }
  }
}

TEST(UrlTest, RefusesAUrlAboveItsLimit) {
  const std::string start = "redis://:secret@";
  const std::string fits = start + std::string(max_url_bytes - start.size(), 'h');
  EXPECT_NO_THROW(parse_url(fits));
  const std::string message = test::error_from([&] { parse_url(fits + "h"); }).what();
  EXPECT_THAT(message, HasSubstr("url: it has 8193 bytes, at most 8192 are allowed"));
}

TEST(UrlTest, ShowsWhatItRefusesOnOneShortLine) {
  for (const char* part : {"redis://%", "redis://h/%", "redis://[:%]", "unix:///p?%=1"}) {
    std::string url = part;
    url.replace(url.find('%'), 1, "a\r\nforged\x1b[31m" + std::string(900, '!'));
    const std::string message = test::error_from([&] { parse_url(url); }).what();
    EXPECT_THAT(message, HasSubstr("a??forged?[31m!!!")) << url;
    EXPECT_LT(message.size(), 400u) << url;
  }
}

TEST(UrlTest, RedactsThePasswordAndKeepsTheRest) {
  const auto redacted = [](std::string_view url) { return parse_url(url).redacted(); };
  EXPECT_EQ(redacted("redis://host"), "redis://host:6379");
  EXPECT_EQ(redacted("redis://:secret@host/3"), "redis://:***@host:6379/3");
  EXPECT_EQ(redacted("redis://user:secret@[::1]:7"), "redis://user:***@[::1]:7");
  EXPECT_EQ(redacted("redis://user@host"), "redis://user@host:6379");
  EXPECT_EQ(redacted("unix:///run/a%20b.sock?db=2"), "unix:///run/a%20b.sock?db=2");
  EXPECT_EQ(redacted("unix://u:secret@/run/r.sock"), "unix://u:***@/run/r.sock");
}

TEST(UrlTest, EncodesEveryByteThatMayNotStandInAUrl) {
  std::string all;
  for (int i = 1; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(parse_url("redis://:" + percent_encoded(all) + "@host").password, all);
  EXPECT_EQ(percent_encoded("a/b", "/"), "a/b");
  EXPECT_EQ(percent_encoded("a/b"), "a%2Fb");
}

TEST(RedisOptionsTest, AcceptsItsDefaults) { EXPECT_NO_THROW(RedisOptions{}.validate()); }

TEST(RedisOptionsTest, NamesTheFieldThatIsOutOfRange) {
  const auto message = [](const RedisOptions& options) -> std::string {
    try {
      options.validate();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "nothing was thrown";
  };
  using std::chrono::milliseconds;
  EXPECT_THAT(message({.url = "nonsense"}), HasSubstr("url"));
  EXPECT_THAT(message({.prefix = "has space"}), HasSubstr("prefix"));
  EXPECT_THAT(message({.prefix = ""}), HasSubstr("prefix"));
  EXPECT_THAT(message({.connect_timeout = milliseconds{0}}), HasSubstr("connect_timeout is 0 ms"));
  EXPECT_THAT(message({.command_timeout = milliseconds{3'600'001}}),
              HasSubstr("command_timeout is 3600001 ms"));
}

}  // namespace
}  // namespace ferry::redis
